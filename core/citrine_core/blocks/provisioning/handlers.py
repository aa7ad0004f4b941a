"""What stations tell us at their boot and of their device model."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from citrine.api.v1.stations_pb2 import BootPolicy
from citrine.events.v1.events_pb2 import Event, StationBooted
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest, HeartbeatResponse
from citrine.ocpp.v2.types_pb2 import GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED
from citrine_core.blocks.provisioning.reports import ReportBatch, begin_run
from citrine_core.blocks.provisioning.repository import RegistrationRepository, VariableKey, VariableRepository
from citrine_core.blocks.provisioning.variables import key_of, reported_rows, storable
from citrine_core.blocks.transactions import TransactionRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, handles, handles_answer
from citrine_core.services import Services

__all__ = ["ProvisioningHandlers"]

_REGISTRATIONS: Mapping[int, ocpp.RegistrationStatusEnum.ValueType] = {
    BootPolicy.BOOT_POLICY_UNSPECIFIED: ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED,
    BootPolicy.BOOT_POLICY_ACCEPTED: ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED,
    BootPolicy.BOOT_POLICY_PENDING: ocpp.REGISTRATION_STATUS_ENUM_PENDING,
    BootPolicy.BOOT_POLICY_REJECTED: ocpp.REGISTRATION_STATUS_ENUM_REJECTED,
}


class ProvisioningHandlers:
    """What stations tell us about themselves (functional block B)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._settings = services.settings

    @handles(ocpp.BootNotificationRequest, batched=True)
    async def boot_notifications(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.BootNotificationRequest]]
    ) -> Sequence[ocpp.BootNotificationResponse]:
        """Register stations as their boot policy says (B01, B02, B03)."""
        tenant_id = calls[0].tenant_id
        now = self._clock()
        registrations = RegistrationRepository(work.session)
        policies = await registrations.find_policies(tenant_id, {call.station_id for call in calls})
        answers = [self._answer(policies.get(call.station_id), now) for call in calls]
        boots = {
            call.station_id: _boot_row(call, answer)
            for call, answer in zip(calls, answers, strict=True)
            if call.station_id in policies
        }
        await registrations.put_boots(tenant_id, boots)
        booted_anew: set[str] = set()
        for call, answer in zip(calls, answers, strict=True):
            if call.station_id not in policies:
                continue
            booted = StationBooted(request=call.message, status=answer.status)
            work.emit(Event(tenant_id=tenant_id, station_id=call.station_id, station_booted=booted))
            if answer.status == ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED and _is_boot(call.message):
                booted_anew.add(call.station_id)
        # Some stations never end what was under way when they lost their power.
        await TransactionRepository(work.session).mark_open_as_orphaned(tenant_id, booted_anew, now)
        return answers

    @handles(HeartbeatRequest, batched=True, writes=False)
    async def heartbeats(
        self, work: UnitOfWork, calls: Sequence[Call[HeartbeatRequest]]
    ) -> Sequence[HeartbeatResponse]:
        """Tell stations the time (G02)."""
        answer = HeartbeatResponse()
        answer.current_time.FromDatetime(self._clock())
        return [answer] * len(calls)

    @handles(ocpp.NotifyReportRequest, batched=True)
    async def notify_reports(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.NotifyReportRequest]]
    ) -> Sequence[ocpp.NotifyReportResponse]:
        """Store parts of reports, asked for or not, in any order (B07, B08). One that comes again has no effect."""
        now = self._clock()
        batch = await ReportBatch.open(work, calls)
        rows: list[dict[str, Any]] = []
        for call in calls:
            if await batch.take(call):
                rows.extend(reported_rows(call, now))
        await VariableRepository(work.session).put_reported(rows)
        return [ocpp.NotifyReportResponse()] * len(calls)

    @handles_answer(ocpp.GetBaseReportResponse)
    async def base_report_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.GetBaseReportRequest, ocpp.GetBaseReportResponse]
    ) -> None:
        """Expect the report that a station agreed to send (B07.FR.01)."""
        if answered.response.status == GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED:
            await begin_run(work, answered, answered.request.request_id)

    @handles_answer(ocpp.GetReportResponse)
    async def report_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.GetReportRequest, ocpp.GetReportResponse]
    ) -> None:
        """Expect the report that a station agreed to send (B08.FR.01)."""
        if answered.response.status == GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED:
            await begin_run(work, answered, answered.request.request_id)

    @handles_answer(ocpp.GetVariablesResponse)
    async def variables_read(
        self, work: UnitOfWork, answered: Answered[ocpp.GetVariablesRequest, ocpp.GetVariablesResponse]
    ) -> None:
        """Store the values that a station told (B06.FR.10)."""
        values = {
            key_of(result.component, result.variable, result.attribute_type): result.attribute_value
            for result in answered.response.get_variable_result
            if result.attribute_status == ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED
        }
        await self._put_values(work, answered, values)

    @handles_answer(ocpp.SetVariablesResponse)
    async def variables_set(
        self, work: UnitOfWork, answered: Answered[ocpp.SetVariablesRequest, ocpp.SetVariablesResponse]
    ) -> None:
        """Store the values that a station took (B05.FR.10), and settle which password counts (A01)."""
        asked = {
            key_of(data.component, data.variable, data.attribute_type).folded(): data.attribute_value
            for data in answered.request.set_variable_data
        }
        values: dict[VariableKey, str] = {}
        for result in answered.response.set_variable_result:
            key = key_of(result.component, result.variable, result.attribute_type)
            if _is_password(key):
                await _settle_password(work, answered, result.attribute_status)
            if result.attribute_status == ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED and key.folded() in asked:
                values[key] = asked[key.folded()]
        await self._put_values(work, answered, values)

    async def _put_values(
        self, work: UnitOfWork, answered: Answered[Any, Any], values: Mapping[VariableKey, str]
    ) -> None:
        variables = VariableRepository(work.session)
        known = await variables.find_known(answered.tenant_id, answered.station_id, values)
        rows: dict[VariableKey, str | None] = {}
        for key, value in values.items():
            spelled, mutability = known.get(key.folded(), (key, None))
            rows[spelled] = storable(spelled.variable, value, mutability)
        await variables.put_values(answered.tenant_id, answered.station_id, rows, self._clock())

    def _answer(self, policy: tuple[int, int | None] | None, now: datetime) -> ocpp.BootNotificationResponse:
        # A station that was removed while its websocket was open is not welcome any more.
        boot_policy, interval = policy or (int(BootPolicy.BOOT_POLICY_REJECTED), None)
        status = _REGISTRATIONS[boot_policy]
        accepted = status == ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED
        default = self._settings.heartbeat_interval if accepted else self._settings.pending_interval
        answer = ocpp.BootNotificationResponse(
            status=status, interval=interval if interval is not None else default // timedelta(seconds=1)
        )
        answer.current_time.FromDatetime(now)
        return answer


def _boot_row(call: Call[ocpp.BootNotificationRequest], answer: ocpp.BootNotificationResponse) -> dict[str, Any]:
    return {
        "registration": answer.status,
        "hardware": call.message.charging_station.SerializeToString(),
        "boot_reason": call.message.reason,
        "boot_time": call.receive_time,
    }


def _is_boot(message: ocpp.BootNotificationRequest) -> bool:
    # Asked for by TriggerMessage (F06), it does not say that the station restarted.
    return message.reason != ocpp.BOOT_REASON_ENUM_TRIGGERED


def _is_password(key: VariableKey) -> bool:
    return (key.component.casefold(), key.variable.casefold()) == ("securityctrlr", "basicauthpassword")


async def _settle_password(
    work: UnitOfWork, answered: Answered[Any, Any], status: ocpp.SetVariableStatusEnum.ValueType
) -> None:
    registrations = RegistrationRepository(work.session)
    if status == ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED:
        # A01.FR.03: from now on only the new password counts.
        await registrations.promote_next_password(answered.tenant_id, answered.station_id)
    elif status != ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED:
        # A01.FR.04: the old password stays. Until a required reboot both count.
        await registrations.drop_next_password(answered.tenant_id, answered.station_id)
