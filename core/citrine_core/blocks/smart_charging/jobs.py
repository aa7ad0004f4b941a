"""Negotiations with vehicles (K15 to K17), and the job that plans and sends their schedules."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import ChargingProfile
from citrine_core.background import Apart, waits_for_database
from citrine_core.blocks.smart_charging.capacity import PlanRepository
from citrine_core.blocks.smart_charging.models import Negotiation, ProfileRecord
from citrine_core.blocks.smart_charging.planner import NotPossible, plan, profile_of, read_needs
from citrine_core.blocks.smart_charging.records import WANTED, new_record
from citrine_core.blocks.smart_charging.repository import (
    ChargingContextRepository,
    NegotiationRepository,
    OpenTransaction,
    ProfileRepository,
)
from citrine_core.blocks.smart_charging.station_snapshot import StationSnapshot, limits_on, read_snapshot
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Failed
from citrine_core.errors import CoreError, DatabaseUnavailable
from citrine_core.jobs import Job
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["ChargingPlans"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=15)
"""Interval between checks for schedules that could not be sent; new ones are sent at once."""

SEND_TIME = timedelta(seconds=30)
"""How long a station may take to answer: half of what ISO 15118 lets a vehicle wait (K15.FR.08)."""

LEASE = timedelta(seconds=90)
"""How long the claim of a core on a schedule lasts, before another core may send it."""

BEGIN_TIME = timedelta(seconds=60)
"""How long after the needs of a vehicle its transaction may be reported: stations queue the two separately."""

OFFLINE_TIME = timedelta(minutes=30)
"""How long a schedule waits for its station to reconnect."""

MAX_ATTEMPTS = 3

RETRY_TIME = timedelta(seconds=10)

AT_ONCE = 16
"""Most schedules that a core sends concurrently."""

PENDING = pb.CHARGING_NEGOTIATION_STATE_PENDING
SENT = pb.CHARGING_NEGOTIATION_STATE_SENT
AWAITING = pb.CHARGING_NEGOTIATION_STATE_AWAITING_CLIENT

_NEEDS_TEXT = "a vehicle is to be sent a schedule"


def _transaction_of(row: Negotiation, snapshot: StationSnapshot) -> OpenTransaction | None:
    """Return the open transaction of a negotiation; if it had none yet, one that has begun since is assigned."""
    if row.transaction_id is None:
        begun = snapshot.transaction_on(row.evse_id)
        if begun is not None:
            row.transaction_id, row.needs_energy_wh = begun.transaction_id, begun.energy_wh
        return begun
    return next((found for found in snapshot.transactions if found.transaction_id == row.transaction_id), None)


@dataclass(frozen=True, slots=True)
class _Order:
    """A claimed schedule, with the SetChargingProfile to send."""

    negotiation_id: int
    tenant_id: str
    station_id: str
    request: ocpp.SetChargingProfileRequest


class ChargingPlans:
    """Begins negotiations, and plans and sends due schedules. Several cores may run it concurrently."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._more = asyncio.Event()
        self.on_planned: Callable[[], None] = lambda: None
        """Called after a commit that left the schedule of a vehicle to the plan of its station."""
        self._apart: Apart[tuple[str, str]] = Apart("schedules of vehicles")
        self.job = Job("schedules of vehicles", INTERVAL, self.run, due=NegotiationRepository.due())

    def wake(self) -> None:
        """Send due schedules now. Called by `work.after_commit`."""
        self._more.set()
        self.job.wake()

    async def begin(
        self,
        work: UnitOfWork,
        tenant_id: str,
        station_id: str,
        evse_id: int,
        transaction: OpenTransaction | None,
        cause: pb.ChargingNegotiationCause.ValueType,
        *,
        needs: ocpp.NotifyEVChargingNeedsRequest | None = None,
        before: Negotiation | None = None,
        state: pb.ChargingNegotiationState.ValueType = PENDING,
    ) -> Negotiation:
        """Begin a negotiation; it supersedes waiting ones of its transaction.

        Args:
            work: The unit of work that stores it; the schedule is sent after its commit.
            tenant_id: Tenant of the station.
            station_id: The station.
            evse_id: EVSE of the vehicle.
            transaction: Transaction of the vehicle. None: it is not reported yet.
            cause: The cause.
            needs: The needs of the vehicle. None: those of `before`.
            before: The preceding negotiation of the transaction.
            state: PENDING, or AWAITING_CLIENT.
        """
        now, negotiations = self._clock(), NegotiationRepository(work.session)
        transaction_id = transaction.transaction_id if transaction is not None else None
        energy = transaction.energy_wh if transaction is not None else None
        for other in await negotiations.find_unfinished(tenant_id, station_id):
            # A sent schedule is not superseded: its answer determines its state.
            same = other.transaction_id == transaction_id and (transaction_id or other.evse_id == evse_id)
            if same and other.state != SENT:
                other.state, other.update_time = pb.CHARGING_NEGOTIATION_STATE_SUPERSEDED, now
        row = Negotiation(
            tenant_id=tenant_id,
            station_id=station_id,
            evse_id=evse_id,
            transaction_id=transaction_id,
            cause=cause,
            needs=needs.SerializeToString(deterministic=True) if needs is not None else before and before.needs,
            needs_energy_wh=energy if needs is not None else before and before.needs_energy_wh,
            needs_status=0,
            state=state,
            reason="",
            attempts=0,
            rounds=0,
            due_time=now,
            ev_schedule_status=0,
            create_time=now,
            update_time=now,
        )
        negotiations.add(row)
        work.after_commit(self.wake)
        return row

    async def renegotiate(
        self,
        work: UnitOfWork,
        tenant_id: str,
        station_id: str,
        evse_id: int,
        cause: pb.ChargingNegotiationCause.ValueType,
    ) -> list[Negotiation]:
        """Begin negotiations about new schedules (K16).

        Args:
            work: The unit of work that stores them; the schedules are sent after its commit.
            tenant_id: Tenant of the station.
            station_id: The station.
            evse_id: EVSE of the vehicle. 0: all vehicles at the station.
            cause: The cause.

        Returns:
            The new negotiations, of vehicles that have reported their needs.
        """
        negotiations, begun = NegotiationRepository(work.session), []
        for transaction in await ChargingContextRepository(work.session).open_transactions(tenant_id, station_id):
            at = transaction.evse_id
            if at is None or evse_id not in (0, at):
                continue
            before = await negotiations.find_latest(tenant_id, station_id, transaction.transaction_id)
            if before is not None and before.needs is not None:
                begun.append(await self.begin(work, tenant_id, station_id, at, transaction, cause, before=before))
        await work.session.flush()
        return begun

    async def profile_for(
        self,
        work: UnitOfWork,
        row: Negotiation,
        snapshot: StationSnapshot,
        transaction: OpenTransaction,
        *,
        needs: ocpp.NotifyEVChargingNeedsRequest | None = None,
    ) -> ChargingProfile:
        """Return the profile to send, planned from the needs of the vehicle; without needs, the last profile.

        Raises:
            NotPossible: When the needs can't be met, or there are neither needs nor a profile.
        """
        if needs is None and row.needs is not None:
            needs = ocpp.NotifyEVChargingNeedsRequest.FromString(row.needs)
        profiles = [one for one in snapshot.profiles_of(transaction.transaction_id) if not one.throttles]
        if needs is None:
            if not profiles:
                raise NotPossible("MissingParam", "the vehicle did not report its needs")
            return ChargingProfile.FromString(profiles[0].profile)
        wanted, now = read_needs(needs), self._clock()
        if row.needs_energy_wh is not None and transaction.energy_wh is not None:
            wanted = wanted.less(max(0.0, transaction.energy_wh - row.needs_energy_wh))
        # If the station has a plan, the plan shares its power, and may make the vehicle wait.
        shared = await PlanRepository(work.session).find(row.tenant_id, row.station_id) is None
        limits = await limits_on(
            work, row.tenant_id, row.station_id, transaction, snapshot, wanted.supply, now, shared=shared
        )
        periods = [most for most in (snapshot.abilities.max_periods, needs.max_schedule_tuples) if most]
        curve = plan(wanted, limits, now, min(periods, default=1024))
        # It replaces an earlier planned profile, else the operator's: a stack level has one profile.
        old = next((profile for profile in profiles if profile.planned), None) or next(iter(profiles), None)
        profile_id = old.profile_id if old is not None else 0
        if not profile_id:
            profile_id = await ProfileRepository(work.session).free_profile_id(row.tenant_id, row.station_id)
        return profile_of(
            curve,
            wanted.supply,
            now,
            snapshot.abilities.rate_units,
            profile_id=profile_id,
            stack_level=old.stack_level if old is not None else 0,
            transaction_id=transaction.transaction_id,
        )

    async def run(self) -> None:
        """Send all due schedules; a station that does not answer does not delay the others."""
        sending: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._more.clear()
                while len(sending) < AT_ONCE and (order := await self._claim()) is not None:
                    one = self._apart.run((order.tenant_id, order.station_id), self._send, order)
                    sending.add(tasks.create_task(one, name=f"schedule {order.station_id}"))
                if not sending:
                    return
                more = tasks.create_task(self._more_or_never(), name="more schedules")
                await asyncio.wait({*sending, more}, return_when=asyncio.FIRST_COMPLETED)
                more.cancel()
                sending = {task for task in sending if not task.done()}

    async def _more_or_never(self) -> None:
        await self._more.wait()

    async def _claim(self) -> _Order | None:
        """Claim a due schedule, and store the profile that will be sent."""
        while True:
            negotiation_id: int | None = None
            try:
                async with self._unit_of_work() as work:
                    row = await NegotiationRepository(work.session).claim_due(self._clock())
                    if row is None:
                        return None
                    negotiation_id = row.id
                    order = None
                    if not await self._leave_to_plan(work, row):
                        order = await self._prepare(work, row)
                    await work.commit()
            except DatabaseUnavailable:
                waits_for_database("schedules of vehicles")
                return None
            except Exception as error:
                if negotiation_id is None:
                    raise
                # A schedule that can't be planned must not delay the others.
                logger.error("a schedule could not be planned", exc_info=error)
                await self._give_up(negotiation_id)
                continue
            if order is not None:
                return order

    async def _give_up(self, negotiation_id: int) -> None:
        async with self._unit_of_work() as work:
            row = await NegotiationRepository(work.session).get(negotiation_id)
            row.state, row.reason = pb.CHARGING_NEGOTIATION_STATE_FAILED, "the schedule could not be planned"
            await work.commit()

    async def _leave_to_plan(self, work: UnitOfWork, row: Negotiation) -> bool:
        """Leave a schedule to the plan of its station, if there is a plan and the EVSE is known."""
        plans, now = PlanRepository(work.session), self._clock()
        if row.transaction_id is None or row.needs is None or row.attempts >= MAX_ATTEMPTS:
            return False
        if row.state != PENDING or await plans.find(row.tenant_id, row.station_id) is None:
            return False
        begun = await ChargingContextRepository(work.session).open_transactions(row.tenant_id, row.station_id)
        if all(one.transaction_id != row.transaction_id or one.evse_id is None for one in begun):
            return False
        row.due_time, row.update_time = now + LEASE, now
        cause = pb.CHARGING_PLAN_CAUSE_NEEDS
        await plans.mark(row.tenant_id, [row.station_id], now, cause=cause, text=_NEEDS_TEXT)
        work.after_commit(self.on_planned)
        return True

    async def _prepare(self, work: UnitOfWork, row: Negotiation) -> _Order | None:
        now = self._clock()
        row.update_time = now
        if row.attempts >= MAX_ATTEMPTS:
            row.state, row.reason = pb.CHARGING_NEGOTIATION_STATE_FAILED, row.reason or "the station did not answer"
            return None
        await ChargingContextRepository(work.session).lock(row.tenant_id, row.station_id)
        snapshot = await read_snapshot(work, row.tenant_id, row.station_id, now)
        transaction = _transaction_of(row, snapshot)
        if transaction is None and row.transaction_id is None and row.create_time > now - BEGIN_TIME:
            row.due_time = now + RETRY_TIME
            return None
        latest = await NegotiationRepository(work.session).find_latest(
            row.tenant_id, row.station_id, row.transaction_id or ""
        )
        if latest is not None and latest is not row:
            row.state = pb.CHARGING_NEGOTIATION_STATE_SUPERSEDED
            return None
        try:
            if transaction is None:
                raise NotPossible("TxNotFound", "the transaction ended" if row.transaction_id else "none began")
            profile = await self.profile_for(work, row, snapshot, replace(transaction, evse_id=row.evse_id))
        except NotPossible as problem:
            row.state, row.reason = pb.CHARGING_NEGOTIATION_STATE_FAILED, problem.problem
            return None
        record = new_record(row.tenant_id, row.station_id, row.evse_id, profile, WANTED, now)
        record.planned = row.needs is not None
        record.wanted_until = now + OFFLINE_TIME + LEASE
        ProfileRepository(work.session).add(record)
        row.state, row.profile_id, row.attempts, row.due_time = SENT, profile.id, row.attempts + 1, now + LEASE
        request = ocpp.SetChargingProfileRequest(evse_id=row.evse_id, charging_profile=profile)
        return _Order(row.id, row.tenant_id, row.station_id, request)

    async def _send(self, order: _Order) -> None:
        expire_time = Timestamp()
        expire_time.FromDatetime(self._clock() + OFFLINE_TIME)
        target = common.CommandTarget(
            station_id=order.station_id, when_online=True, expire_time=expire_time, reason="schedule of a vehicle"
        )
        target.timeout.FromTimedelta(SEND_TIME)
        who = system_caller(order.tenant_id, "smart charging")
        try:
            _, answer = await self._services.commands.send(who, target, order.request)
            if answer is None:
                async with self._unit_of_work() as work:
                    due_time = self._clock() + OFFLINE_TIME + LEASE
                    await NegotiationRepository(work.session).postpone(order.negotiation_id, due_time)
                    await work.commit()
        except CoreError as error:
            # The handler of the failure records the end of the command, and continues the negotiation.
            problem = {"station_id": order.station_id, "problem": str(error)}
            logger.info("a schedule of a vehicle was not accepted", extra=problem)

    async def schedule_answered(self, work: UnitOfWork, record: ProfileRecord) -> None:
        """Record the result of the schedule of a negotiation, after its profile has its new state."""
        for row in await self._negotiations(work, record):
            row.update_time, row.profile_id = record.update_time, record.profile_id
            if record.state == pb.CHARGING_PROFILE_STATE_ACCEPTED:
                row.state, row.reason = pb.CHARGING_NEGOTIATION_STATE_ACCEPTED, ""
            else:
                row.state, row.reason = pb.CHARGING_NEGOTIATION_STATE_REJECTED, record.reason

    async def schedule_failed(
        self, work: UnitOfWork, record: ProfileRecord, failed: Failed[ocpp.SetChargingProfileRequest]
    ) -> None:
        """Schedule another attempt to send the schedule of a negotiation, unless the failure is final."""
        for row in await self._negotiations(work, record):
            if row.state == AWAITING:
                continue
            row.update_time, row.reason = failed.time, record.reason
            if row.attempts < MAX_ATTEMPTS and not failed.for_good:
                row.state, row.due_time = PENDING, self._clock() + RETRY_TIME
            else:
                row.state = pb.CHARGING_NEGOTIATION_STATE_FAILED

    async def _negotiations(self, work: UnitOfWork, record: ProfileRecord) -> Sequence[Negotiation]:
        """Return the negotiation of a profile; of several sent ones the first, as answers are in that order."""
        found = await NegotiationRepository(work.session).find_unfinished(record.tenant_id, record.station_id)
        meant = [
            row
            for row in found
            if row.transaction_id == record.transaction_id
            and (row.state == AWAITING or (row.state == SENT and row.profile_id == record.profile_id))
        ]
        return meant[:1]
