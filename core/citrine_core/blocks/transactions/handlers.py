"""What stations tell us of transactions."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection
from citrine.api.v1.transactions_pb2 import TransactionCheck
from citrine.ocpp.v2.transactions_pb2 import (
    TransactionEventEnum,
    TransactionEventRequest,
    TransactionEventResponse,
    TriggerReasonEnum,
)
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdTokenInfo
from citrine_core.blocks.authorization import Authorizations, Presented, Purpose
from citrine_core.blocks.meter_values import SampleRow, add_samples
from citrine_core.blocks.reservation import ReservationUse, use_reservations
from citrine_core.blocks.tariff_and_cost import Cause
from citrine_core.blocks.transactions.checks import CheckRepository
from citrine_core.blocks.transactions.clock_rule import ClockRule
from citrine_core.blocks.transactions.energy_count import count_energy, energy_of
from citrine_core.blocks.transactions.evse_energy import set_power_limits, take_meter_values
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState, apply, fold
from citrine_core.blocks.transactions.late_events import counts, find_numbers, is_settled, retain_late
from citrine_core.blocks.transactions.limits import LimitBeginnings, LimitedEvents
from citrine_core.blocks.transactions.lives import IdReuse, sort_out_lives
from citrine_core.blocks.transactions.pricing_input import Heard, TransactionCosts
from citrine_core.blocks.transactions.refolds import anomaly_events, doubt_events, not_behind, note_boots, refold
from citrine_core.blocks.transactions.remote_starts import (
    claim_remote_starts,
    claim_reservations,
    retain_remote_start,
    take_token,
)
from citrine_core.blocks.transactions.repository import EventKey, EventRow, TransactionKey, TransactionRepository
from citrine_core.blocks.transactions.settlement import EndProofs, reopen, settle_by_events
from citrine_core.blocks.transactions.summaries import events_of
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, handles
from citrine_core.resources.tokens import Token
from citrine_core.services import Services

__all__ = ["TransactionsHandlers"]

_ACCEPTED = int(AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED)
_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED
_STOP_AUTHORIZED = TriggerReasonEnum.TRIGGER_REASON_ENUM_STOP_AUTHORIZED


@dataclass(slots=True)
class _Batch:
    """The events of one batch, those that are new among them, and the transactions that they are of."""

    occurrences: list[Occurrence]
    """One for each call."""
    fresh: dict[EventKey, Occurrence]
    """In the order in which they came."""
    responses: dict[EventKey, TransactionEventResponse]
    states: dict[TransactionKey, TransactionState]
    findings: dict[EventKey, Any] = field(default_factory=dict)
    """What was found out about tokens before."""
    tokens: dict[TransactionKey, Token] = field(default_factory=dict)
    """That were accepted to charge."""
    new: set[TransactionKey] = field(default_factory=set)
    """Heard of for the first time."""
    reuse: IdReuse = field(default_factory=IdReuse)
    """What stations call the same."""
    unplaced: set[TransactionKey] = field(default_factory=set)
    """Those whose EVSE was not known before."""


class TransactionsHandlers:
    """What stations tell us about transactions (functional block E)."""

    def __init__(self, services: Services, wake_checks: Callable[[], None] | None = None) -> None:
        """Take what they need.

        Args:
            services: Clock and settings.
            wake_checks: Called after the commit where a station is to be asked for missing events.
        """
        self._clock = services.clock
        self._authorizations = Authorizations(services)
        self._counters = services.counters
        self._check_delay = services.settings.transaction_check_delay
        self._wake_checks = wake_checks
        self._costs = TransactionCosts(services)
        self._clocks = ClockRule(services)
        self._limits = LimitBeginnings(services)
        self._proofs = EndProofs(services)
        self._settle_time = services.settings.transaction_settle_time
        power_kw = services.settings.evse_power_kw
        self._evse_power_w = None if power_kw is None else 1000 * power_kw

    @handles(TransactionEventRequest, batched=True, own_key=True)
    async def transaction_events(
        self, work: UnitOfWork, calls: Sequence[Call[TransactionEventRequest]]
    ) -> Sequence[TransactionEventResponse]:
        """Store what is new, bring the transactions up to date, and answer (E01.FR.11, J02.FR.19).

        Nothing is refused, whatever we know of the transaction: a station throws away what is refused. What was
        stored before is answered as it was then.
        """
        tenant_id, now = calls[0].tenant_id, self._clock()
        repository = TransactionRepository(work.session)
        batch = await _read(repository, tenant_id, calls)
        if batch.fresh:
            await self._clocks.load(work, tenant_id, batch.fresh.values())
            _answer(batch, await self._decide(work, tenant_id, batch))
            missing = {key: state.missing for key, state in batch.states.items()}
            settled = _open_again(work, batch)
            energy = energy_of(batch.states)
            named = {key for key, state in batch.states.items() if state.remote_start_id is not None}
            late = await _fold(work, repository, tenant_id, batch, settled, now, self._evse_power_w)
            count_energy(work, self._counters, energy, batch.states)
            heard = [one for one in batch.fresh.values() if not one.late]
            clocks = self._clocks.examine(tenant_id, heard, batch.states)
            ended = self._settle(work, batch, heard, now)
            for event in doubt_events(batch.states, clocks, batch.new, ended):
                work.emit(event)
            await self._ask_for_missing(work, batch, missing, ended, now)
            unsettled = [one for one in batch.fresh.values() if (one.station_id, one.transaction_id) not in settled]
            implied = await claim_reservations(work, tenant_id, unsettled, batch.states)
            await self._costs.settle(
                work, Heard(tenant_id, batch.fresh, batch.responses, batch.states, batch.new, late)
            )
            if settled:
                await self._correct(work, tenant_id, batch)
            await self._limits.begin(work, _limited(tenant_id, batch, named), now)
            await _store(work, repository, batch, now)
            placed = batch.new | batch.unplaced
            await self._proofs.begun(work, tenant_id, [batch.states[key] for key in placed], are_new=not batch.unplaced)
            # H01.FR.15: costs nothing where no event bears the id of a reservation.
            await use_reservations(work, tenant_id, [*_uses(batch), *implied], now)
        return [batch.responses[_key(occurrence)] for occurrence in batch.occurrences]

    async def _decide(self, work: UnitOfWork, tenant_id: str, batch: _Batch) -> Mapping[EventKey, IdTokenInfo]:
        """Return what is said of the tokens in events (E01.FR.11, C12.FR.03)."""
        presented = {
            key: _presented(batch, key, occurrence, self._clocks.presented_time(occurrence))
            for key, occurrence in batch.fresh.items()
            if occurrence.request.HasField("id_token")
        }
        if not presented:
            return {}
        decisions = await self._authorizations.decide(work, tenant_id, list(presented.values()))
        for decision in decisions:
            starts = decision.presented.purpose is Purpose.START
            if starts and decision.accepted and decision.token is not None:
                batch.tokens[decision.presented.station_id, decision.presented.transaction_id] = decision.token
        return {key: decision.info for key, decision in zip(presented, decisions, strict=True)}

    def _settle(
        self, work: UnitOfWork, batch: _Batch, heard: Iterable[Occurrence], now: datetime
    ) -> set[TransactionKey]:
        """Settle the transactions that have their end and all events; return those that just ended without."""
        waiting = set()
        for key in {(one.station_id, one.transaction_id): None for one in heard}:
            state = batch.states[key]
            was_waiting = state.settle_due_time is not None
            if settle_by_events(state, now, self._settle_time) and not was_waiting:
                waiting.add(key)
        for key, next_id in batch.reuse.over.items():
            self._proofs.mark(work, batch.states[key], now, next_id)
        return waiting

    async def _correct(self, work: UnitOfWork, tenant_id: str, batch: _Batch) -> None:
        """Correct the bills of settled transactions by events that came late."""
        fresh: dict[TransactionKey, list[Occurrence]] = {}
        for one in batch.fresh.values():
            key = (one.station_id, one.transaction_id)
            if one.late and counts(batch.states[key], one):
                fresh.setdefault(key, []).append(one)
        if fresh:
            cause = Cause(int(CostCorrection.REASON_LATE_EVENT))
            await self._costs.reckon(work, tenant_id, [batch.states[key] for key in fresh], cause, fresh)

    async def _ask_for_missing(
        self,
        work: UnitOfWork,
        batch: _Batch,
        missing: Mapping[TransactionKey, int],
        ended: Collection[TransactionKey],
        now: datetime,
    ) -> None:
        """Have stations asked for events of which this batch shows that they are missing (E14)."""
        reasons = {
            (state.tenant_id, *key): TransactionCheck.REASON_GAP
            for key, state in batch.states.items()
            if state.missing > missing.get(key, 0) or key in ended
        }
        if reasons:
            await CheckRepository(work.session).schedule(reasons, now + self._check_delay)
            if self._wake_checks is not None:
                work.after_commit(self._wake_checks)


async def _read(
    repository: TransactionRepository, tenant_id: str, calls: Sequence[Call[TransactionEventRequest]]
) -> _Batch:
    occurrences = [Occurrence.of(tenant_id, call.station_id, call.message) for call in calls]
    states = await repository.find_for_update(
        tenant_id, {(occurrence.station_id, occurrence.transaction_id) for occurrence in occurrences}
    )
    reuse = await sort_out_lives(repository, tenant_id, occurrences, states)
    # What comes behind all that is stored can't be stored, so that most batches need no second look.
    doubtful = {
        _key(occurrence)
        for occurrence in occurrences
        if (state := states.get((occurrence.station_id, occurrence.transaction_id))) is not None
        and occurrence.seq_no <= state.last_seq_no
    }
    stored = await repository.find_responses(tenant_id, doubtful)
    responses = {key: TransactionEventResponse.FromString(content) for key, content in stored.items()}
    batch = _Batch(occurrences, {}, responses, states, reuse=reuse)
    batch.unplaced = {key for key, state in states.items() if state.evse_id is None}
    for call, occurrence in zip(calls, occurrences, strict=True):
        key = _key(occurrence)
        if key not in stored and key not in batch.fresh:
            batch.fresh[key] = occurrence
            occurrence.receive_time = call.receive_time
            if call.finding is not None:
                batch.findings[key] = call.finding
        else:
            call.repeated = True
    return batch


def _presented(batch: _Batch, key: EventKey, occurrence: Occurrence, time: datetime | None) -> Presented:
    request = occurrence.request
    state = batch.states.get((occurrence.station_id, occurrence.transaction_id))
    stops = request.event_type == _ENDED or request.trigger_reason == _STOP_AUTHORIZED
    return Presented(
        occurrence.station_id,
        request.id_token,
        Purpose.STOP if stops else Purpose.START,
        request.evse.id if request.evse.id > 0 else state.evse_id if state is not None else None,
        occurrence.transaction_id,
        time,
        batch.findings.get(key),
        state is not None and state.id_token_status == _ACCEPTED,
    )


def _limited(tenant_id: str, batch: _Batch, named: Collection[TransactionKey]) -> LimitedEvents:
    newest = {
        (one.station_id, one.transaction_id): (one.request, batch.responses[key]) for key, one in batch.fresh.items()
    }
    return LimitedEvents(tenant_id, batch.tokens, named, batch.states, newest)


def _answer(batch: _Batch, infos: Mapping[EventKey, IdTokenInfo]) -> None:
    for key, occurrence in batch.fresh.items():
        response, request = TransactionEventResponse(), occurrence.request
        info = infos.get(key)
        if info is not None:
            response.id_token_info.CopyFrom(info)
            occurrence.token_status = info.status
        if request.event_type == _ENDED:
            state = batch.states.get((occurrence.station_id, occurrence.transaction_id))
            if state is not None and state.total_cost is not None:
                # I03.FR.02: what the driver was told last.
                response.total_cost = state.total_cost
        batch.responses[key] = response


def _open_again(work: UnitOfWork, batch: _Batch) -> set[TransactionKey]:
    """Open what was closed without an end and is heard of; return what is settled, and takes in nothing more."""
    settled = {key for key, state in batch.states.items() if is_settled(state)}
    for key in {(one.station_id, one.transaction_id): None for one in batch.fresh.values()}:
        state = batch.states.get(key)
        if state is not None and state.settle_time is not None and key not in settled:
            work.emit(reopen(state, int(CostCorrection.REASON_CONTINUED)))
    return settled


async def _fold(
    work: UnitOfWork,
    repository: TransactionRepository,
    tenant_id: str,
    batch: _Batch,
    settled: Set[TransactionKey],
    now: datetime,
    evse_power_w: float | None,
) -> Collection[TransactionKey]:
    """Bring the transactions up to date, and return those with an event that is not behind all before it."""
    late = not_behind(batch.fresh.values(), batch.states) - settled
    note_boots(batch.fresh.values(), batch.states)
    named = {key for key, state in batch.states.items() if state.remote_start_id is not None}
    ended_before = {key for key, state in batch.states.items() if state.end_time is not None}
    sequence = int(now.timestamp() * 1_000_000)
    for occurrence in batch.fresh.values():
        key = (occurrence.station_id, occurrence.transaction_id)
        if key not in batch.states:
            reported_id = batch.reuse.reported.get(key)
            batch.states[key] = TransactionState(tenant_id, *key, sequence + len(batch.new), reported_id=reported_id)
            batch.new.add(key)
    for key, lives in batch.reuse.lives.items():
        batch.states[key].lives = lives
    placed = batch.new | batch.unplaced
    if placed:
        await set_power_limits(work, tenant_id, batch.states, batch.fresh.values(), placed, evse_power_w)
    for key, stored in (await repository.load_events(tenant_id, late)).items():
        fresh = [one for one in batch.fresh.values() if (one.station_id, one.transaction_id) == key]
        before = batch.states[key]
        batch.states[key] = fold(before, [*stored, *fresh])
        retain_remote_start(before, batch.states[key])
        for event in anomaly_events(batch.states[key], before.anomalies):
            work.emit(event)
    unsettled = [one for one in batch.fresh.values() if (one.station_id, one.transaction_id) not in settled]
    numbers = await find_numbers(repository, tenant_id, [batch.states[key] for key in settled]) if settled else {}
    requests = await claim_remote_starts(work, tenant_id, unsettled, batch.states, named, now)
    heard = set(batch.states) - batch.new
    taken: dict[TransactionKey, list[Occurrence]] = {}
    refolded: set[TransactionKey] = set()
    for occurrence in batch.fresh.values():
        key = (occurrence.station_id, occurrence.transaction_id)
        state = batch.states[key]
        if key in settled:
            retain_late(state, occurrence, numbers.get(key))
        elif key not in late or key in refolded:
            doubts = state.anomalies
            if not apply(state, occurrence):
                state = batch.states[key] = await refold(repository, state, taken.get(key, ()), occurrence)
                late.add(key)
                refolded.add(key)
            if state.anomalies != doubts:
                for event in anomaly_events(state, doubts):
                    work.emit(event)
            taken.setdefault(key, []).append(occurrence)
        if occurrence.event_type == _ENDED and key not in ended_before and state.energy_wh is None:
            fresh = [one for one in batch.fresh.values() if (one.station_id, one.transaction_id) == key]
            measured = await take_meter_values(work, state, fresh)
            if measured is not None:
                state = batch.states[key] = measured
                late.add(key)
                refolded.discard(key)
        if state.id_token is None and state.remote_start_id is not None and key not in settled:
            take_token(state, requests)
        state.update_time = now
        ends = occurrence.event_type == _ENDED and key not in ended_before
        for event in events_of(state, occurrence, starts=key not in heard, ends=ends):
            work.emit(event)
        heard.add(key)
        if ends:
            ended_before.add(key)
    return late


async def _store(work: UnitOfWork, repository: TransactionRepository, batch: _Batch, now: datetime) -> None:
    rows: list[EventRow] = []
    samples: list[SampleRow] = []
    touched: dict[TransactionKey, TransactionState] = {}
    for key, occurrence in batch.fresh.items():
        station_id, transaction_id, seq_no, digest = key
        touched[station_id, transaction_id] = batch.states[station_id, transaction_id]
        samples += occurrence.samples
        rows.append(
            EventRow(
                occurrence.tenant_id,
                station_id,
                transaction_id,
                seq_no,
                digest,
                occurrence.event_type,
                occurrence.event_time,
                occurrence.offline,
                occurrence.content,
                batch.responses[key].SerializeToString(deterministic=True),
                occurrence.receive_time or now,
                occurrence.late or None,
            )
        )
    touched |= {key: batch.states[key] for key in (*batch.reuse.lives, *batch.reuse.over)}
    await repository.save(touched.values())
    await repository.add_events(rows)
    await add_samples(work.session, samples)


def _uses(batch: _Batch) -> list[ReservationUse]:
    return [
        ReservationUse(one.station_id, one.request.reservation_id, one.transaction_id, one.event_time)
        for one in batch.fresh.values()
        if one.request.HasField("reservation_id")
    ]


def _key(occurrence: Occurrence) -> EventKey:
    return (occurrence.station_id, occurrence.transaction_id, occurrence.seq_no, occurrence.digest)
