"""The job that refolds transactions that are due, and publishes the results."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection
from citrine.api.v1.transactions_pb2 import TransactionCheck
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from citrine_core.background import Apart
from citrine_core.blocks.tariff_and_cost import Cause
from citrine_core.blocks.transactions.checks import CheckRepository
from citrine_core.blocks.transactions.deferrals import delay_of
from citrine_core.blocks.transactions.energy_count import count_energy
from citrine_core.blocks.transactions.fold import TransactionState
from citrine_core.blocks.transactions.late_events import is_settled
from citrine_core.blocks.transactions.pricing_batch import AtHand, Heard
from citrine_core.blocks.transactions.pricing_input import TransactionCosts
from citrine_core.blocks.transactions.refolding.repository import ClaimedRefold, RefoldClaims
from citrine_core.blocks.transactions.refolds import Snapshot, adopt, anomaly_events, doubt_events, read_snapshots
from citrine_core.blocks.transactions.repository import TransactionRepository
from citrine_core.blocks.transactions.settlement import EndProofs, settle_by_events
from citrine_core.blocks.transactions.summaries import events_of, put_cost, summary_of
from citrine_core.db import UnitOfWork
from citrine_core.services import Services

__all__ = ["INTERVAL", "DueRefolds"]

INTERVAL = timedelta(seconds=1)
"""Interval of the job."""

REST = 0.0005
"""Seconds of rest per folded event, several times as long as the fold takes: whatever stations send, most of a core's
time remains for events that are not late."""

_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED


class DueRefolds:
    """Refolds transactions that are due: one per station at a time, each claimed by one core.

    The events are read and folded outside the database transaction that stores the result, so that a large fold blocks
    nobody. Events that arrive meanwhile are folded the next time.
    """

    def __init__(self, services: Services, wake_checks: Callable[[], None] | None = None) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._counters = services.counters
        self._costs = TransactionCosts(services)
        self._proofs = EndProofs(services)
        self._settle_time = services.settings.transaction_settle_time
        self._check_delay = services.settings.transaction_check_delay
        self._wake_checks = wake_checks
        self._apart: Apart[tuple[str, str, str]] = Apart("refolds")

    async def run(self) -> None:
        """Refold all that is due now."""
        while True:
            async with self._unit_of_work(read_only=True) as work:
                due = await RefoldClaims(work.session).find_due(self._clock())
            if not due:
                return
            for one in due:
                async with self._unit_of_work() as work:
                    claimed = await RefoldClaims(work.session).claim(one, self._clock())
                    await work.commit()
                if claimed is None:
                    continue
                # What fails is due again once its claim is over.
                with self._apart.trying((claimed.tenant_id, *claimed.key)):
                    await asyncio.sleep(REST * await self._refold(claimed))

    async def _refold(self, claimed: ClaimedRefold) -> int:
        """Refold one transaction, and return its number of events."""
        async with self._unit_of_work(read_only=True) as work:
            found = await TransactionRepository(work.session).find_states(claimed.tenant_id, [claimed.key])
            if claimed.key not in found:
                return 0
            [snapshot] = await read_snapshots(work, claimed.tenant_id, [found[claimed.key]])
            at_hand = await self._costs.prepare(work, found[claimed.key], snapshot.ordered)
        async with self._unit_of_work() as work:
            repository = TransactionRepository(work.session)
            state = (await repository.find_for_update(claimed.tenant_id, [claimed.key])).get(claimed.key)
            # Another refold may have been faster.
            if state is not None and state.refold_due_time == claimed.until:
                state = await self._complete(work, state, snapshot, at_hand)
                await repository.save([state])
                await work.commit()
        return len(snapshot.ordered)

    async def _complete(
        self, work: UnitOfWork, state: TransactionState, snapshot: Snapshot, at_hand: AtHand
    ) -> TransactionState:
        now, key = self._clock(), (state.station_id, state.transaction_id)
        is_whole = state.events == snapshot.before.events
        if is_settled(state) and is_settled(snapshot.before):
            cause = Cause(int(CostCorrection.REASON_LATE_EVENT)) if state.late_events else None
            await self._costs.reckon(work, state.tenant_id, [state], cause, at_hand={key: at_hand})
            state.refold_due_time = None if is_whole else now + delay_of(state)
            return state
        folded = adopt(state, snapshot)
        if folded is None:
            state.refold_due_time = now
            return state
        folded.refold_due_time = None if is_whole else now + delay_of(state)
        folded.update_time = now
        count_energy(work, self._counters, {key: state.energy_wh}, {key: folded})
        waits = is_whole and await self._settle(work, folded)
        published = self._publish(work, state, folded, snapshot, waits=waits)
        heard = Heard(state.tenant_id, {}, {}, {key: folded}, (), {key}, whole={key: at_hand})
        for total in (await self._costs.settle(work, heard)).totals.values():
            put_cost(published, total)
        if state.start_time is None and folded.start_time is not None:
            await self._proofs.begun(work, state.tenant_id, [folded], are_new=False)
        return folded

    async def _settle(self, work: UnitOfWork, folded: TransactionState) -> bool:
        """Settle a transaction that is complete; return whether it has its end and lacks other events."""
        now, was_waiting = self._clock(), folded.settle_due_time is not None
        if not settle_by_events(folded, now, self._settle_time) or was_waiting:
            return False
        reasons = {(folded.tenant_id, folded.station_id, folded.transaction_id): TransactionCheck.REASON_GAP}
        await CheckRepository(work.session).schedule(reasons, now + self._check_delay)
        if self._wake_checks is not None:
            work.after_commit(self._wake_checks)
        return True

    def _publish(
        self, work: UnitOfWork, before: TransactionState, folded: TransactionState, snapshot: Snapshot, *, waits: bool
    ) -> Sequence[Event]:
        """Publish the result to subscribers; return what says the state."""
        key = (folded.station_id, folded.transaction_id)
        for event in anomaly_events(folded, before.anomalies):
            work.emit(event)
        for event in doubt_events({key: folded}, (), (), [key] if waits else ()):
            work.emit(event)
        ends = before.end_time is None and folded.end_time is not None
        last = next(one for one in snapshot.ordered if one.event_type == _ENDED) if ends else snapshot.ordered[-1]
        if ends or summary_of(before, last.seq_no) != summary_of(folded, last.seq_no):
            published = events_of(folded, last, starts=False, ends=ends)
            for event in published:
                work.emit(event)
            return published
        return ()
