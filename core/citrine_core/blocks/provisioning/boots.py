"""What stations tell us at their boot, and the time that we tell them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from citrine.api.v1.stations_pb2 import BootPolicy
from citrine.events.v1.events_pb2 import Event, StationBooted
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest, HeartbeatResponse
from citrine_core.blocks.firmware_management import note_boots
from citrine_core.blocks.provisioning.repository import RegistrationRepository
from citrine_core.blocks.transactions import TransactionRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, handles
from citrine_core.services import Services

__all__ = ["BootHandlers"]

_REGISTRATIONS: Mapping[int, ocpp.RegistrationStatusEnum.ValueType] = {
    BootPolicy.BOOT_POLICY_UNSPECIFIED: ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED,
    BootPolicy.BOOT_POLICY_ACCEPTED: ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED,
    BootPolicy.BOOT_POLICY_PENDING: ocpp.REGISTRATION_STATUS_ENUM_PENDING,
    BootPolicy.BOOT_POLICY_REJECTED: ocpp.REGISTRATION_STATUS_ENUM_REJECTED,
}


class BootHandlers:
    """What stations tell us at their boot (functional block B)."""

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
        await note_boots(work, tenant_id, _firmware(calls))
        return answers

    @handles(HeartbeatRequest, batched=True, writes=False)
    async def heartbeats(
        self, work: UnitOfWork, calls: Sequence[Call[HeartbeatRequest]]
    ) -> Sequence[HeartbeatResponse]:
        """Tell stations the time (G02)."""
        answer = HeartbeatResponse()
        answer.current_time.FromDatetime(self._clock())
        return [answer] * len(calls)

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


def _firmware(calls: Sequence[Call[ocpp.BootNotificationRequest]]) -> dict[str, tuple[str, datetime]]:
    """Return which firmware stations booted with, and when."""
    return {
        call.station_id: (call.message.charging_station.firmware_version, call.receive_time)
        for call in calls
        if _is_boot(call.message)
    }


def _is_boot(message: ocpp.BootNotificationRequest) -> bool:
    # Asked for by TriggerMessage (F06), it does not say that the station restarted.
    return message.reason != ocpp.BOOT_REASON_ENUM_TRIGGERED
