"""Folds a batch of events into its transactions: event by event, by a refold, or later by a deferred refold."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from citrine.api.v1.transactions_pb2 import TransactionAnomaly
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from citrine_core.blocks.transactions.batch import Batch
from citrine_core.blocks.transactions.deferrals import delay_of, is_large, sort_out_late
from citrine_core.blocks.transactions.event_fold import note_event
from citrine_core.blocks.transactions.evse_energy import Unmeasured, fold_meter_values, set_power_limits
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState, apply, fold_in_steps
from citrine_core.blocks.transactions.late_events import retain_late
from citrine_core.blocks.transactions.refolds import anomaly_events, not_behind, note_boots, refold
from citrine_core.blocks.transactions.register_memory import Anomaly, add_anomaly
from citrine_core.blocks.transactions.remote_starts import (
    RemoteStarts,
    claim_remote_starts,
    copy_reference,
    copy_token,
    retain_remote_start,
)
from citrine_core.blocks.transactions.repository import TransactionKey, TransactionRepository
from citrine_core.blocks.transactions.summaries import events_of
from citrine_core.db import UnitOfWork, database_of
from citrine_core.db.partitions import month_of
from citrine_core.steps import run_cooperatively

__all__ = ["BatchFold"]

_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED

Number = tuple[str, str, int]
"""Station, transaction and sequence number."""


@dataclass(slots=True)
class BatchFold:
    """The fold of one batch of events into the states of its transactions."""

    work: UnitOfWork
    repository: TransactionRepository
    tenant_id: str
    batch: Batch
    settled: Set[TransactionKey]
    """Transactions that are settled for good (`is_settled`). Their events are stored and not folded."""
    now: datetime
    evse_power_w: float | None

    anew: set[TransactionKey] = field(default_factory=set)
    """Transactions that were refolded. Set by `run`, like the following fields."""
    deferred: set[TransactionKey] = field(default_factory=set)
    """Transactions with deferred events, which are stored now and folded later."""
    is_waiting: bool = False
    """Whether a transaction waits for its fold that did not wait before the batch."""
    ended_before: set[TransactionKey] = field(default_factory=set)
    """Transactions that had ended, or were settled for good, before the batch."""
    published: dict[TransactionKey, Sequence[Event]] = field(default_factory=dict)
    """What subscribers get of the last event of each transaction."""

    _refolded: set[TransactionKey] = field(default_factory=set)
    """Transactions that were refolded because of one event."""
    _accepted: dict[TransactionKey, list[Occurrence]] = field(default_factory=dict)
    _asked: Set[TransactionKey] = frozenset()
    _numbers: set[Number] = field(default_factory=set)
    """Stored sequence numbers, of the transactions for which they were queried."""
    _ended: set[TransactionKey] = field(default_factory=set)

    async def run(self) -> None:
        """Fold all new events into the states."""
        requests = await self._prepare()
        states, settled, deferred = self.batch.states, self.settled, self.deferred
        heard = set(states) - self.batch.new
        for occurrence in self.batch.fresh.values():
            key = (occurrence.station_id, occurrence.transaction_id)
            state = states[key]
            # An ordinary event needs no await.
            if key in settled:
                retain_late(state, occurrence, is_new_number=self._is_new_number(key, occurrence))
            elif key in deferred:
                note_event(state, occurrence, is_new_number=self._is_new_number(key, occurrence))
            elif key not in self.anew or key in self._refolded:
                doubts, is_open = state.anomalies, state.end_time is None
                if not apply(state, occurrence):
                    state = await self._doubt(key, state, occurrence, ends=is_open and state.end_time is not None)
                if state.anomalies != doubts:
                    for event in anomaly_events(state, doubts):
                        self.work.emit(event)
                self._accepted.setdefault(key, []).append(occurrence)
            if occurrence.event_type == _ENDED and state.unnumbered and key in self._ended:
                self._note_second_end(state, occurrence)
            ends = occurrence.event_type == _ENDED and key not in self._ended and key not in deferred
            if ends and state.energy_wh is None:
                state = await self._measure_elsewhere(key, state)
            if state.remote_start_id is not None and key not in settled:
                if state.reference is None:
                    copy_reference(state, requests)
                if state.id_token is None:
                    copy_token(state, requests)
            state.update_time = self.now
            self.published[key] = events_of(state, occurrence, starts=key not in heard, ends=ends)
            for event in self.published[key]:
                self.work.emit(event)
            heard.add(key)
            if ends:
                self._ended.add(key)
        for key in deferred:
            self.defer(key)

    async def _prepare(self) -> RemoteStarts:
        """Do everything that is done for all events together; return the requests that started transactions."""
        batch, states, fresh = self.batch, self.batch.states, self.batch.fresh.values()
        behind = not_behind(fresh, states) - self.settled
        self.anew, self.deferred = sort_out_late(states, behind, self.settled, fresh)
        note_boots(fresh, states)
        named = {key for key, state in states.items() if state.remote_start_id is not None}
        self.ended_before = {key for key, state in states.items() if state.end_time is not None} | self.settled
        self._ended = set(self.ended_before)
        self._begin_new()
        for key, lives in batch.reuse.lives.items():
            states[key].lives = lives
        placed = batch.new | batch.unplaced
        if placed:
            await set_power_limits(self.work, self.tenant_id, states, fresh, placed, self.evse_power_w)
        await self._fold_anew()
        if self.settled or self.deferred:
            await self._find_numbers()
        unsettled = [one for one in fresh if (one.station_id, one.transaction_id) not in self.settled]
        return await claim_remote_starts(self.work, self.tenant_id, unsettled, states, named, self.now)

    def defer(self, key: TransactionKey) -> None:
        """Defer the fold of a transaction."""
        state = self.batch.states[key]
        if state.refold_due_time is None:
            state.refold_due_time = self.now + delay_of(state)
            self.is_waiting = True

    def _begin_new(self) -> None:
        batch, sequence = self.batch, int(self.now.timestamp() * 1_000_000)
        month = month_of(self.now) if database_of(self.work.session).has_partitions else 0
        for occurrence in batch.fresh.values():
            key = (occurrence.station_id, occurrence.transaction_id)
            if key not in batch.states:
                batch.states[key] = TransactionState(
                    self.tenant_id,
                    *key,
                    sequence + len(batch.new),
                    reported_id=batch.reuse.reported.get(key),
                    unnumbered=key in batch.unnumbered,
                    events_month=month,
                )
                batch.new.add(key)

    async def _fold_anew(self) -> None:
        states = self.batch.states
        stored_events = await self.repository.load_events(self.tenant_id, [states[key] for key in self.anew])
        for key, stored in stored_events.items():
            before = states[key]
            folded = await run_cooperatively(fold_in_steps(before, [*stored, *self._fresh_of(key)]))
            retain_remote_start(before, folded)
            folded.refold_due_time = None
            states[key] = folded
            for event in anomaly_events(folded, before.anomalies):
                self.work.emit(event)

    async def _find_numbers(self) -> None:
        self._asked = {*self.deferred, *(key for key in self.settled if self.batch.states[key].missing)}
        self._numbers = await self.repository.find_numbers(
            self.tenant_id,
            {(*key[:2], key[2]) for key in self.batch.fresh if key[:2] in self._asked},
            [self.batch.states[key] for key in self._asked],
        )

    async def _doubt(
        self, key: TransactionKey, state: TransactionState, occurrence: Occurrence, *, ends: bool
    ) -> TransactionState:
        """Fold an event that requires a refold: now, or deferred if the transaction is large."""
        if is_large(state, ends=ends):
            if ends:
                # The event for subscribers waits until the energy is known.
                state.end_time = state.end_trigger = None
            self.deferred.add(key)
            return state
        state = await refold(self.repository, state, self._accepted.get(key, ()), occurrence)
        self.batch.states[key] = state
        self.anew.add(key)
        self._refolded.add(key)
        return state

    async def _measure_elsewhere(self, key: TransactionKey, state: TransactionState) -> TransactionState:
        [measured] = await fold_meter_values(self.work, state.tenant_id, [Unmeasured(state, self._fresh_of(key))])
        if measured is None:
            return state
        self.batch.states[key] = measured
        self.anew.add(key)
        self._refolded.discard(key)
        return measured

    def _note_second_end(self, state: TransactionState, occurrence: Occurrence) -> None:
        doubts = state.anomalies
        add_anomaly(state, Anomaly(int(TransactionAnomaly.KIND_SECOND_END), occurrence.event_time))
        for event in anomaly_events(state, doubts):
            self.work.emit(event)

    def _is_new_number(self, key: TransactionKey, occurrence: Occurrence) -> bool:
        if key not in self._asked:
            # The event is the last in order, or there is no gap that it could fill.
            return occurrence.seq_no != self.batch.states[key].last_seq_no
        number = (*key, occurrence.seq_no)
        is_new = number not in self._numbers
        self._numbers.add(number)
        return is_new

    def _fresh_of(self, key: TransactionKey) -> Sequence[Occurrence]:
        return [one for one in self.batch.fresh.values() if (one.station_id, one.transaction_id) == key]
