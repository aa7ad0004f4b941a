"""One pass over a plan: reads the state of the station, plans shares, and records the profiles to send."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from google.protobuf.message import Message

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import ChargingProfile
from citrine_core.blocks.smart_charging.capacity.loads import Installed, worst_case
from citrine_core.blocks.smart_charging.capacity.models import CapacityPlan
from citrine_core.blocks.smart_charging.capacity.profiles import default_profile, share_profile
from citrine_core.blocks.smart_charging.capacity.release import release
from citrine_core.blocks.smart_charging.capacity.repository import PlanRepository
from citrine_core.blocks.smart_charging.capacity.sent import Sent, note_outcomes, pack_sent, unpack_sent
from citrine_core.blocks.smart_charging.capacity.shown import changed_event, plan_of, says_the_same
from citrine_core.blocks.smart_charging.capacity.situation import Situation, read_situation
from citrine_core.blocks.smart_charging.capacity.steps import DEFAULT, Outlook, Step, look_ahead
from citrine_core.blocks.smart_charging.models import Negotiation, ProfileRecord
from citrine_core.blocks.smart_charging.records import ACCEPTED, WANTED, move, new_record
from citrine_core.blocks.smart_charging.repository import (
    ChargingContextRepository,
    NegotiationRepository,
    ProfileRepository,
)
from citrine_core.blocks.smart_charging.schedules import Curve
from citrine_core.db import UnitOfWork
from citrine_core.resources.connections import ConnectionRepository

__all__ = ["LONGEST_ANSWER", "Order", "Planning", "Renegotiate"]

LONGEST_ANSWER = timedelta(seconds=30)
"""How long a station may take to answer."""

ANSWER_TIME = LONGEST_ANSWER + timedelta(seconds=30)
"""Time after which the core that sent a profile without a recorded end must have ended."""

SETTLED_TIME = timedelta(minutes=5)
"""Time until a plan is due again without a trigger."""

OFFLINE_TIME = timedelta(minutes=2)
"""Time until a plan whose station is offline is due again; the station's first message triggers it."""

NEW_TIME = timedelta(seconds=5)
"""Time after which every core knows a new plan, so that none misses a transaction of its station."""

SENT = pb.CHARGING_NEGOTIATION_STATE_SENT

Renegotiate = Callable[[UnitOfWork, str, str], Awaitable[object]]
"""`await renegotiate(work, tenant_id, station_id)` begins negotiations with vehicles that reported their needs."""


@dataclass(frozen=True, slots=True)
class Order:
    """A message to send after the commit."""

    tenant_id: str
    station_id: str
    message: Message
    reason: str


@dataclass
class _Look:
    """The state of one pass over the plan of one station."""

    work: UnitOfWork
    row: CapacityPlan
    situation: Situation
    sent: dict[int, Sent]
    negotiations: Mapping[str, Negotiation]
    """Negotiations whose schedule must be sent, by transaction."""
    now: datetime
    is_connected: bool

    @property
    def busy(self) -> dict[int, ProfileRecord]:
        """Return the profiles that are being sent, by EVSE."""
        rows = {one.evse_id: one.pending for one in self.situation.running}
        rows[DEFAULT] = self.situation.default_pending
        return {evse_id: row for evse_id, row in rows.items() if row is not None}

    @property
    def stuck(self) -> set[int]:
        """Return the EVSEs whose profile can't be changed now."""
        blocked = {one.evse_id for one in self.situation.running if one.level is None}
        if self.situation.default_level is None:
            blocked.add(DEFAULT)
        failed = {evse_id for evse_id, one in self.sent.items() if one.is_stuck(self.now)}
        return blocked | failed

    @property
    def has_no_default(self) -> bool:
        """Return whether the station refuses the default profile, or an operator's overrules it."""
        return self.situation.default_level is None or (DEFAULT in self.sent and self.sent[DEFAULT].is_refused)

    @property
    def again(self) -> set[int]:
        """Return the EVSEs for which a profile must be sent even if nothing changed."""
        asked = {one.evse_id for one in self.situation.running if one.transaction_id in self.negotiations}
        if not self.row.verify:
            return asked
        return asked | {DEFAULT} | {one.evse_id for one in self.situation.running if one.record is not None}


class Planning:
    """Updates the plans of stations."""

    def __init__(self, renegotiate: Renegotiate) -> None:
        self._renegotiate = renegotiate

    async def look(
        self, work: UnitOfWork, tenant_id: str, station_id: str, claimed: datetime, now: datetime
    ) -> Sequence[Order]:
        """Update and store the plan of a station, and return the messages to send after the commit.

        The profiles of the station are locked until the commit.

        Args:
            work: The unit of work to write in.
            tenant_id: Tenant of the station.
            station_id: The station.
            claimed: When the claim of this core on the plan expires.
            now: The current time.
        """
        plans = PlanRepository(work.session)
        await ChargingContextRepository(work.session).lock(tenant_id, station_id)
        row = await plans.find(tenant_id, station_id)
        if row is None:
            return []
        await _give_up(work, tenant_id, station_id, now)
        look = await _read(work, row, now)
        if not look.situation.limited:
            return await self._release(look, claimed)
        outlook = look_ahead(
            look.situation,
            busy=look.busy,
            stuck=look.stuck,
            again=look.again,
            confirm=row.verify,
            has_no_default=look.has_no_default,
        )
        orders = [order for step in outlook.steps if (order := await _order(look, step))] if look.is_connected else []
        await _store(look, outlook, orders, claimed)
        return orders

    async def _release(self, look: _Look, claimed: datetime) -> Sequence[Order]:
        row = look.row
        messages = await release(look.work, row, look.sent, look.is_connected, look.now)
        if messages is None:
            await PlanRepository(look.work.session).remove(row.tenant_id, row.station_id)
            await self._renegotiate(look.work, row.tenant_id, row.station_id)
            return []
        plan = pb.ChargingPlan()
        plan.CopyFrom(pb.ChargingPlan.FromString(row.plan))
        plan.station_id, plan.state = row.station_id, pb.CHARGING_PLAN_STATE_RELEASING
        plan.cause, plan.cause_text = row.cause, row.cause_text  # type: ignore[assignment]  # stored as the number
        await _put(look, plan, claimed, look.now + (ANSWER_TIME if look.is_connected else OFFLINE_TIME))
        return [Order(row.tenant_id, row.station_id, message, "there is no capacity any more") for message in messages]


async def _give_up(work: UnitOfWork, tenant_id: str, station_id: str, now: datetime) -> None:
    """Set planned profiles whose core has ended to FAILED and uncertain: the station may have them."""
    for row in await ProfileRepository(work.session).find_for_update(tenant_id, station_id, states=(WANTED,)):
        if row.planned and row.wanted_until is not None and row.wanted_until <= now:
            row.uncertain = True
            move(work, row, pb.CHARGING_PROFILE_STATE_FAILED, now, "nothing was heard of its command")
    await work.session.flush()


async def _read(work: UnitOfWork, row: CapacityPlan, now: datetime) -> _Look:
    situation = await read_situation(work, row.tenant_id, row.station_id, now)
    current = {DEFAULT: "", **{one.evse_id: one.transaction_id for one in situation.running}}
    sent = {
        evse_id: one for evse_id, one in unpack_sent(row.sent).items() if current.get(evse_id) == one.transaction_id
    }
    records = await ProfileRepository(work.session).find_records([one.record_id for one in sent.values()])
    note_outcomes(sent, records, booted=row.verify)
    unfinished = await NegotiationRepository(work.session).find_unfinished(row.tenant_id, row.station_id)
    pending = {
        one.transaction_id: one
        for one in unfinished
        if one.transaction_id is not None and one.state == pb.CHARGING_NEGOTIATION_STATE_PENDING
    }
    connection = await ConnectionRepository(work.session).find_open(row.tenant_id, row.station_id)
    return _Look(work, row, situation, sent, pending, now, connection is not None)


async def _order(look: _Look, step: Step) -> Order | None:
    """Record the profile of a step and return it; None if the station has accepted an equivalent one already."""
    row, situation, before = look.row, look.situation, look.sent.get(step.evse_id)
    profiles = ProfileRepository(look.work.session)
    one = next((one for one in situation.running if one.evse_id == step.evse_id), None)
    record = one.record if one is not None else situation.default_record
    profile_id = record.profile_id if record is not None else before.profile_id if before is not None else 0
    if not profile_id:
        profile_id = await profiles.free_profile_id(row.tenant_id, row.station_id)
    if one is not None:
        profile = share_profile(situation, one, step.curve, profile_id)
    else:
        profile = default_profile(situation, step.curve, profile_id)
    if record is not None and step.evse_id not in look.again and _is_of_no_use(record, profile):
        return None
    fresh = new_record(row.tenant_id, row.station_id, step.evse_id, profile, WANTED, look.now)
    fresh.planned, fresh.cause, fresh.wanted_until = True, row.cause_text, look.now + ANSWER_TIME
    profiles.add(fresh)
    await look.work.session.flush()
    attempts = before.attempts if before is not None else 0
    look.sent[step.evse_id] = Sent(profile.transaction_id, profile_id, fresh.id, attempts)
    negotiation = look.negotiations.get(profile.transaction_id)
    if negotiation is not None:
        negotiation.state, negotiation.profile_id = SENT, profile_id
        negotiation.attempts += 1
        negotiation.due_time = look.now + ANSWER_TIME + LONGEST_ANSWER
    request = ocpp.SetChargingProfileRequest(evse_id=step.evse_id, charging_profile=profile)
    return Order(row.tenant_id, row.station_id, request, row.cause_text)


def _is_of_no_use(record: ProfileRecord, profile: ChargingProfile) -> bool:
    def gist(one: ChargingProfile) -> object:
        periods = [(period.limit, period.number_phases) for period in one.charging_schedule[0].charging_schedule_period]
        return one.stack_level, one.charging_schedule[0].charging_rate_unit, periods

    return record.state == ACCEPTED and gist(ChargingProfile.FromString(record.profile)) == gist(profile)


def _limit_of(row: ProfileRecord, now: datetime) -> Curve:
    return worst_case([Installed(row.id, ChargingProfile.FromString(row.profile), True)], [], now).amperes


async def _store(look: _Look, outlook: Outlook, orders: Sequence[Order], claimed: datetime) -> None:
    now, row = look.now, look.row
    pending: dict[int, Curve] = {
        evse_id: worst_case(
            [Installed(0, ChargingProfile.FromString(one.profile), True)], [], look.situation.now
        ).amperes
        for evse_id, one in look.busy.items()
    }
    if orders:
        pending |= {step.evse_id: step.curve for step in outlook.steps}
    failing = [one.retry_time for one in look.sent.values() if one.retry_time is not None and one.retry_time > now]
    if pending:
        state, due = pb.CHARGING_PLAN_STATE_CHANGING, now + ANSWER_TIME
    elif outlook.is_reached:
        state, due = pb.CHARGING_PLAN_STATE_SETTLED, now + SETTLED_TIME
    elif not look.is_connected:
        state, due = pb.CHARGING_PLAN_STATE_WAITING_FOR_STATION, now + OFFLINE_TIME
    else:
        state, due = pb.CHARGING_PLAN_STATE_HELD_BACK, now + SETTLED_TIME
    if row.create_time > now - NEW_TIME:
        due = min(due, row.create_time + NEW_TIME)
    before = pb.ChargingPlan.FromString(row.plan)
    plan = plan_of(row, before, look.situation, outlook, look.sent, pending, state, now)
    await _put(look, plan, claimed, min([due, *failing]), verify=row.verify and not look.is_connected)


async def _put(
    look: _Look, plan: pb.ChargingPlan, claimed: datetime, due_time: datetime, *, verify: bool = False
) -> None:
    row = look.row
    changed = not row.plan or not says_the_same(plan, pb.ChargingPlan.FromString(row.plan))
    columns = {"sent": pack_sent(look.sent), "verify": verify, "state": plan.state}
    if changed:
        columns |= {"plan": plan.SerializeToString(deterministic=True), "update_time": look.now}
        event = Event(tenant_id=row.tenant_id, station_id=row.station_id)
        event.charging_plan_changed.CopyFrom(changed_event(plan))
        look.work.emit(event)
    await PlanRepository(look.work.session).store(row.tenant_id, row.station_id, claimed, due_time, **columns)
