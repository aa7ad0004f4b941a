"""Handlers of BootNotification and Heartbeat."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from citrine.events.v1.events_pb2 import Event, StationBooted
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest, HeartbeatResponse
from citrine_core.blocks.firmware_management import awaits_boot, note_boots
from citrine_core.blocks.provisioning.configuration.boots import Boot, Registration, Status, registrations_at_boot
from citrine_core.blocks.provisioning.records import awaits_reset, record_boots
from citrine_core.blocks.transactions.queries import may_be_orphaned
from citrine_core.blocks.transactions.repository import TransactionRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, handles
from citrine_core.resources.configurations import has_provisioning, has_selectors
from citrine_core.resources.connections.queries import has_expired_certificate
from citrine_core.resources.stations.registrations import Policy, RegistrationRepository, policies_beside
from citrine_core.services import Services

__all__ = ["POLICIES", "BootHandlers"]

_ACCEPTED = ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED

_PENDING = ocpp.REGISTRATION_STATUS_ENUM_PENDING


class BootHandlers:
    """Handles BootNotification and Heartbeat of stations (functional block B)."""

    def __init__(self, services: Services, wake: Callable[[], None] = lambda: None) -> None:
        self._clock = services.clock
        self._settings = services.settings
        self._wake = wake

    @handles(ocpp.BootNotificationRequest, batched=True)
    async def boot_notifications(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.BootNotificationRequest]]
    ) -> Sequence[ocpp.BootNotificationResponse]:
        """Register stations according to their boot policy (B01, B02, B03)."""
        tenant_id = calls[0].tenant_id
        now = self._clock()
        registrations = RegistrationRepository(work.session)
        found = await registrations.find_policies(POLICIES, tenant_id, {call.station_id for call in calls})
        policies = {station_id: policy for station_id, (policy, _) in found.items()}
        known = {call.station_id: call for call in calls if call.station_id in policies}
        awaited = {station_id: _Awaited(*found[station_id][1]) for station_id in known}
        boots = [_boot(call, policies[station_id], awaited[station_id]) for station_id, call in known.items()]
        decisions = dict(await registrations_at_boot(work, tenant_id, boots, now, self._wake))
        for station_id, decision in decisions.items():
            if awaited[station_id].certificate and decision.status == _ACCEPTED:
                # A00.FR.429: it boots again once it has another certificate.
                decisions[station_id] = Registration(_PENDING, None)
        answers = [self._answer(policies.get(call.station_id), decisions.get(call.station_id), now) for call in calls]
        inventory_time = now + self._settings.inventory_delay
        rows = {
            station_id: _boot_row(call, decisions[station_id].status, policies[station_id], inventory_time)
            for station_id, call in known.items()
        }
        await registrations.put_boots(tenant_id, rows)
        for call in calls:
            if call.station_id in decisions:
                booted = StationBooted(request=call.message, status=decisions[call.station_id].status)
                work.emit(Event(tenant_id=tenant_id, station_id=call.station_id, station_booted=booted))
        restarted = {boot.station_id for boot in boots if boot.restarted}
        await record_boots(work, tenant_id, {each for each in restarted if awaited[each].reset}, now)
        firmware = {each: _firmware(known[each]) for each in restarted if awaited[each].firmware}
        await note_boots(work, tenant_id, firmware)
        # Some stations never end transactions that a loss of power interrupted.
        accepted = {station_id for station_id, answer in decisions.items() if answer.status == _ACCEPTED}
        back = restarted | {station_id for station_id, policy in policies.items() if policy.registration == _PENDING}
        orphaned = {each for each in accepted & back if awaited[each].transactions}
        await TransactionRepository(work.session).mark_open_as_orphaned(tenant_id, orphaned, now)
        return answers

    @handles(HeartbeatRequest, at_once=True)
    def heartbeat(self, call: Call[HeartbeatRequest]) -> HeartbeatResponse:
        """Answer with the current time (G02)."""
        answer = HeartbeatResponse()
        answer.current_time.FromDatetime(self._clock())
        return answer

    def _answer(
        self, policy: Policy | None, registration: Registration | None, now: datetime
    ) -> ocpp.BootNotificationResponse:
        # A station that was removed while its websocket was open is rejected.
        status = registration.status if registration is not None else ocpp.REGISTRATION_STATUS_ENUM_REJECTED
        interval = policy.boot_interval if policy is not None else None
        if interval is None and registration is not None and status == _ACCEPTED:
            interval = registration.heartbeat_interval
        default = self._settings.heartbeat_interval if status == _ACCEPTED else self._settings.pending_interval
        answer = ocpp.BootNotificationResponse(
            status=status, interval=interval if interval is not None else default // timedelta(seconds=1)
        )
        answer.current_time.FromDatetime(now)
        return answer


class _Awaited(NamedTuple):
    """What there is to do at a boot of a station. Most have none of it, and cost no statement."""

    reset: bool
    firmware: bool
    transactions: bool
    provisioning: bool
    selectors: bool
    """Whether its tenant has any."""
    certificate: bool
    """Whether its certificate has expired."""


POLICIES = policies_beside(
    awaits_reset, awaits_boot, may_be_orphaned, has_provisioning, has_selectors, has_expired_certificate
)
"""What is to be known of a station that boots, in one query."""


def _boot(call: Call[ocpp.BootNotificationRequest], policy: Policy, awaited: _Awaited) -> Boot:
    return Boot(
        call.station_id,
        policy.boot_policy,
        policy.configuration_id,
        call.message.charging_station,
        # A BootNotification that TriggerMessage requested (F06) does not mean that the station restarted.
        restarted=call.message.reason != ocpp.BOOT_REASON_ENUM_TRIGGERED,
        has_provisioning=awaited.provisioning,
        has_selectors=awaited.selectors,
    )


def _firmware(call: Call[ocpp.BootNotificationRequest]) -> tuple[str, datetime]:
    """Return the firmware version that a station booted with, and when it booted."""
    return call.message.charging_station.firmware_version, call.receive_time


def _boot_row(
    call: Call[ocpp.BootNotificationRequest], status: Status, policy: Policy, inventory_time: datetime
) -> dict[str, Any]:
    hardware = call.message.charging_station
    due_time = policy.inventory_due_time
    if policy.asks_inventory and _is_another(policy.hardware, hardware):
        due_time = inventory_time
    elif due_time is not None:
        # It may have been postponed while the station was gone, or not accepted.
        due_time = min(due_time, inventory_time)
    return {
        "registration": status,
        "hardware": hardware.SerializeToString(),
        "vendor_name": hardware.vendor_name,
        "model": hardware.model,
        "firmware_version": hardware.firmware_version,
        "boot_reason": call.message.reason,
        "boot_time": call.receive_time,
        "inventory_due_time": due_time,
        "inventory_attempts": 0,
    }


def _is_another(before: bytes | None, now: ocpp.ChargingStation) -> bool:
    """Return whether the device model of a station may have changed since its previous boot (B07.FR.14)."""
    if before is None:
        return True
    known = ocpp.ChargingStation.FromString(before)
    return any(getattr(known, name) != getattr(now, name) for name in ("vendor_name", "model", "firmware_version"))
