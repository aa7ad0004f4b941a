"""Handlers of messages about charging profiles, limits and vehicles."""

from datetime import UTC, datetime

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.events.v1.events_pb2 import ChargingLimitChanged, ChargingNeedsReceived, EVChargingScheduleReceived, Event
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import (
    GENERIC_STATUS_ENUM_ACCEPTED,
    GENERIC_STATUS_ENUM_REJECTED,
    ChargingProfile,
    StatusInfo,
)
from citrine_core.blocks.smart_charging.capacity import PlanTriggers
from citrine_core.blocks.smart_charging.jobs import AWAITING, PENDING, ChargingPlans
from citrine_core.blocks.smart_charging.limits import LimitRepository
from citrine_core.blocks.smart_charging.models import ExternalLimit, Negotiation
from citrine_core.blocks.smart_charging.planner import NotPossible, read_needs
from citrine_core.blocks.smart_charging.reconcile import store_report
from citrine_core.blocks.smart_charging.repository import NegotiationRepository, OpenTransaction
from citrine_core.blocks.smart_charging.schedules import (
    Curve,
    Supply,
    curve_of_profile,
    curve_of_schedule,
    exceeds,
    lowest,
)
from citrine_core.blocks.smart_charging.station_snapshot import StationSnapshot, limits_on, read_snapshot
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, handles
from citrine_core.services import Services

__all__ = ["SmartChargingHandlers"]

ACCEPTED = ocpp.NOTIFY_EV_CHARGING_NEEDS_STATUS_ENUM_ACCEPTED
PROCESSING = ocpp.NOTIFY_EV_CHARGING_NEEDS_STATUS_ENUM_PROCESSING
REJECTED = ocpp.NOTIFY_EV_CHARGING_NEEDS_STATUS_ENUM_REJECTED

MAX_ROUNDS = 3
"""Most schedules in a row that are sent to a vehicle whose own schedule exceeds the limits."""

SLACK = 60.0
"""Seconds by which a vehicle's schedule may be shifted: it begins when it was chosen, ours when it was sent."""


class SmartChargingHandlers:
    """Handles messages of stations about smart charging (functional block K)."""

    def __init__(self, services: Services, plans: ChargingPlans, triggers: PlanTriggers) -> None:
        self._clock = services.clock
        self._triggers = triggers
        self._by_clients = services.settings.charging_plans == "clients"
        self._plans = plans

    @handles(ocpp.ReportChargingProfilesRequest)
    async def report_charging_profiles(
        self, work: UnitOfWork, call: Call[ocpp.ReportChargingProfilesRequest]
    ) -> ocpp.ReportChargingProfilesResponse:
        """Store a part of a report of profiles, and update the record (K09)."""
        await store_report(work, call)
        await self._triggers.changed(
            work, call.tenant_id, call.station_id, pb.CHARGING_PLAN_CAUSE_PROFILE, "the station reported its profiles"
        )
        return ocpp.ReportChargingProfilesResponse()

    @handles(ocpp.NotifyChargingLimitRequest)
    async def notify_charging_limit(
        self, work: UnitOfWork, call: Call[ocpp.NotifyChargingLimitRequest]
    ) -> ocpp.NotifyChargingLimitResponse:
        """Store an external limit; it replaces the one with the same source and EVSE (K11, K12)."""
        message, limits = call.message, LimitRepository(work.session)
        source, content = message.charging_limit.charging_limit_source, message.SerializeToString(deterministic=True)
        for row in await limits.find_in_force(call.tenant_id, call.station_id):
            if (row.evse_id, row.source) == (message.evse_id, source):
                if row.request == content:
                    return ocpp.NotifyChargingLimitResponse()
                row.clear_time = call.receive_time
        limits.add(
            ExternalLimit(
                tenant_id=call.tenant_id,
                station_id=call.station_id,
                evse_id=message.evse_id,
                source=source,
                request=content,
                set_time=call.receive_time,
            )
        )
        changed = ChargingLimitChanged(
            evse_id=message.evse_id if message.HasField("evse_id") else None,
            charging_limit_source=source,
            limit=message,
        )
        work.emit(Event(tenant_id=call.tenant_id, station_id=call.station_id, charging_limit_changed=changed))
        if message.charging_schedule:
            # K02.FR.01
            await self._triggers.limited(
                work,
                call.tenant_id,
                call.station_id,
                pb.CHARGING_PLAN_CAUSE_LIMIT,
                f"{source} limited EVSE {message.evse_id}" if message.evse_id else f"{source} limited the station",
            )
        return ocpp.NotifyChargingLimitResponse()

    @handles(ocpp.ClearedChargingLimitRequest)
    async def cleared_charging_limit(
        self, work: UnitOfWork, call: Call[ocpp.ClearedChargingLimitRequest]
    ) -> ocpp.ClearedChargingLimitResponse:
        """Record that external limits were cleared: that of an EVSE, or all of the source (K13)."""
        message, cleared = call.message, False
        for row in await LimitRepository(work.session).find_in_force(call.tenant_id, call.station_id):
            if row.source == message.charging_limit_source and message.evse_id in (0, row.evse_id):
                row.clear_time, cleared = call.receive_time, True
        if cleared:
            changed = ChargingLimitChanged(
                evse_id=message.evse_id if message.HasField("evse_id") else None,
                charging_limit_source=message.charging_limit_source,
            )
            work.emit(Event(tenant_id=call.tenant_id, station_id=call.station_id, charging_limit_changed=changed))
            await self._triggers.changed(
                work,
                call.tenant_id,
                call.station_id,
                pb.CHARGING_PLAN_CAUSE_LIMIT,
                f"{message.charging_limit_source} lifted a limit",
            )
        return ocpp.ClearedChargingLimitResponse()

    @handles(ocpp.NotifyEVChargingNeedsRequest)
    async def notify_ev_charging_needs(
        self, work: UnitOfWork, call: Call[ocpp.NotifyEVChargingNeedsRequest]
    ) -> ocpp.NotifyEVChargingNeedsResponse:
        """Store the needs of a vehicle, and answer whether a schedule for them will follow (K15, K17)."""
        now, message = self._clock(), call.message
        snapshot = await read_snapshot(work, call.tenant_id, call.station_id, now)
        transaction = snapshot.transaction_on(message.evse_id)
        negotiations = NegotiationRepository(work.session)
        for waiting in await negotiations.find_unfinished(call.tenant_id, call.station_id):
            if _comes_again(waiting, message):
                return ocpp.NotifyEVChargingNeedsResponse(status=waiting.needs_status)  # type: ignore[arg-type]
        # K15.FR.05
        later = self._by_clients or transaction is None
        answer = ocpp.NotifyEVChargingNeedsResponse(status=PROCESSING if later else ACCEPTED)
        row = _first(call, transaction, now)
        try:
            await self._try(work, row, snapshot, transaction, message)
        except NotPossible as problem:
            # K15.FR.04
            answer = ocpp.NotifyEVChargingNeedsResponse(
                status=REJECTED, status_info=StatusInfo(reason_code=problem.code, additional_info=problem.problem)
            )
            row.reason, row.needs_status = problem.problem, REJECTED
            negotiations.add(row)
        else:
            begun = await self._plans.begin(
                work,
                call.tenant_id,
                call.station_id,
                message.evse_id,
                transaction,
                pb.CHARGING_NEGOTIATION_CAUSE_NEEDS,
                needs=message,
                state=AWAITING if self._by_clients else PENDING,
            )
            begun.needs_status = answer.status
        received = ChargingNeedsReceived(
            request=message, status=answer.status, transaction_id=transaction.transaction_id if transaction else ""
        )
        work.emit(Event(tenant_id=call.tenant_id, station_id=call.station_id, charging_needs_received=received))
        return answer

    async def _try(
        self,
        work: UnitOfWork,
        row: Negotiation,
        snapshot: StationSnapshot,
        transaction: OpenTransaction | None,
        needs: ocpp.NotifyEVChargingNeedsRequest,
    ) -> None:
        """Check whether a schedule is possible.

        Raises:
            NotPossible: When it is not.
        """
        if transaction is None and self._by_clients:
            raise NotPossible("TxNotFound", f"no transaction is under way on EVSE {needs.evse_id}")
        if transaction is None or self._by_clients:
            read_needs(needs)
            return
        await self._plans.profile_for(work, row, snapshot, transaction, needs=needs)

    @handles(ocpp.NotifyEVChargingScheduleRequest)
    async def notify_ev_charging_schedule(
        self, work: UnitOfWork, call: Call[ocpp.NotifyEVChargingScheduleRequest]
    ) -> ocpp.NotifyEVChargingScheduleResponse:
        """Check the schedule that a vehicle chose; if it exceeds its limits, another one follows (K15.FR.11-13)."""
        now, message = self._clock(), call.message
        snapshot = await read_snapshot(work, call.tenant_id, call.station_id, now)
        transaction = snapshot.transaction_on(message.evse_id)
        negotiations, latest, problem = NegotiationRepository(work.session), None, ""
        if transaction is None:
            problem = f"no transaction is under way on EVSE {message.evse_id}"
        else:
            latest = await negotiations.find_latest(call.tenant_id, call.station_id, transaction.transaction_id)
            problem = await _excess(work, call, snapshot, transaction, latest)
        status = GENERIC_STATUS_ENUM_REJECTED if problem else GENERIC_STATUS_ENUM_ACCEPTED
        content = message.SerializeToString(deterministic=True)
        again = latest is not None and latest.ev_schedule == content
        if latest is None:
            latest = _first(call, transaction, now)
            latest.state = pb.CHARGING_NEGOTIATION_STATE_ACCEPTED
            latest.cause = pb.CHARGING_NEGOTIATION_CAUSE_REQUESTED
            negotiations.add(latest)
        latest.ev_schedule, latest.ev_schedule_status, latest.update_time = content, status, now
        answer = ocpp.NotifyEVChargingScheduleResponse(status=status)
        if problem:
            code = "InvalidSchedule" if transaction else "TxNotFound"
            answer.status_info.CopyFrom(StatusInfo(reason_code=code, additional_info=problem))
        if not again:
            received = EVChargingScheduleReceived(
                request=message, status=status, transaction_id=transaction.transaction_id if transaction else ""
            )
            event = Event(tenant_id=call.tenant_id, station_id=call.station_id)
            event.ev_charging_schedule_received.CopyFrom(received)
            work.emit(event)
            if problem and transaction is not None:
                await self._renegotiate(work, latest, transaction)
        return answer

    async def _renegotiate(self, work: UnitOfWork, before: Negotiation, transaction: OpenTransaction) -> None:
        # K15.FR.13, K16.FR.08, K17.FR.13
        if before.rounds >= MAX_ROUNDS:
            before.reason = "the vehicle exceeds its limits again, and gets no further schedule"
            return
        begun = await self._plans.begin(
            work,
            before.tenant_id,
            before.station_id,
            before.evse_id,
            transaction,
            pb.CHARGING_NEGOTIATION_CAUSE_EXCEEDED,
            before=before,
        )
        begun.rounds = before.rounds + 1


def _comes_again(latest: Negotiation, message: ocpp.NotifyEVChargingNeedsRequest) -> bool:
    """Return whether a message repeats the needs of a negotiation whose schedule will be sent."""
    waits = latest.state in (PENDING, AWAITING) and latest.cause == pb.CHARGING_NEGOTIATION_CAUSE_NEEDS
    return waits and latest.needs == message.SerializeToString(deterministic=True)


def _first(
    call: "Call[ocpp.NotifyEVChargingNeedsRequest] | Call[ocpp.NotifyEVChargingScheduleRequest]",
    transaction: OpenTransaction | None,
    now: datetime,
) -> Negotiation:
    """Return a row for needs that are refused, or for a schedule without a negotiation."""
    is_needs = isinstance(call.message, ocpp.NotifyEVChargingNeedsRequest)
    return Negotiation(
        tenant_id=call.tenant_id,
        station_id=call.station_id,
        evse_id=call.message.evse_id,
        transaction_id=transaction.transaction_id if transaction is not None else None,
        cause=pb.CHARGING_NEGOTIATION_CAUSE_NEEDS,
        needs=call.message.SerializeToString(deterministic=True) if is_needs else None,
        needs_status=0,
        state=pb.CHARGING_NEGOTIATION_STATE_REFUSED,
        reason="",
        attempts=0,
        rounds=0,
        due_time=now,
        ev_schedule_status=0,
        create_time=now,
        update_time=now,
    )


async def _excess(
    work: UnitOfWork,
    call: Call[ocpp.NotifyEVChargingScheduleRequest],
    snapshot: StationSnapshot,
    transaction: OpenTransaction,
    latest: Negotiation | None,
) -> str:
    """Return why the schedule of a vehicle exceeds the offered ones, for people; empty if it does not."""
    message = call.message
    base, schedule = message.time_base.ToDatetime(UTC), message.charging_schedule
    supply = _supply(latest)
    # The limits in the vehicle's schedule are for the phases on which it charges.
    curve = curve_of_schedule(schedule, base, base, supply, phases=supply.phases)
    chosen = message.selected_charging_schedule_id or schedule.id
    offers: list[Curve] = []
    for row in snapshot.profiles_of(transaction.transaction_id):
        # The vehicle may have chosen from a profile whose answer has not been received yet.
        offers += _offers(ChargingProfile.FromString(row.profile), chosen, base, supply)
    if not offers:
        offers = [lowest(await limits_on(work, call.tenant_id, call.station_id, transaction, snapshot, supply, base))]
    excesses = [exceeds(curve, offer, slack=SLACK) for offer in offers]
    if None in excesses:
        return ""
    return (
        f"the schedule is beyond its limits {max(seconds or 0.0 for seconds in excesses):.0f} seconds after its start"
    )


def _supply(latest: Negotiation | None) -> Supply:
    if latest is None or latest.needs is None:
        return Supply()
    try:
        return read_needs(ocpp.NotifyEVChargingNeedsRequest.FromString(latest.needs)).supply
    except NotPossible:
        return Supply()


def _offers(profile: ChargingProfile, chosen: int, base: datetime, supply: Supply) -> list[Curve]:
    """Return the curve of the schedule with the chosen id; if there is none, the curves of all schedules."""
    numbers = [number for number, schedule in enumerate(profile.charging_schedule) if schedule.id == chosen]
    return [
        curve_of_profile(profile, base, supply, schedule=number)
        for number in numbers or range(len(profile.charging_schedule))
    ]
