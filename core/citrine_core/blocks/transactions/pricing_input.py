"""Input of pricing: a batch of events in the form that the tariff block expects."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from citrine.ocpp.v2.transactions_pb2 import (
    ChargingStateEnum,
    TransactionEventEnum,
    TriggerReasonEnum,
)
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, MeasurandEnum, PhaseEnum
from citrine_core.blocks.tariff_and_cost import (
    Cause,
    Charged,
    ChargedEvent,
    Moment,
    Prepared,
    Pricing,
    Subject,
    Total,
    to_micros,
)
from citrine_core.blocks.transactions.clock_rule import billed_times, moved
from citrine_core.blocks.transactions.deferrals import is_large
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState, fold_in_steps
from citrine_core.blocks.transactions.late_events import counts
from citrine_core.blocks.transactions.pricing_batch import AtHand, Heard, Priced
from citrine_core.blocks.transactions.repository import EventKey, TransactionKey, TransactionRepository
from citrine_core.blocks.transactions.summaries import summary_of
from citrine_core.db import UnitOfWork
from citrine_core.services import Services
from citrine_core.steps import Steps, run_cooperatively

__all__ = ["TransactionCosts"]

_STARTED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED
_UPDATED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_UPDATED
_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED
_SUSPENDED_EVSE = ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EVSE
_ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
_STOP_AUTHORIZED = TriggerReasonEnum.TRIGGER_REASON_ENUM_STOP_AUTHORIZED
_AUTHORIZED = (
    TriggerReasonEnum.TRIGGER_REASON_ENUM_AUTHORIZED,
    TriggerReasonEnum.TRIGGER_REASON_ENUM_REMOTE_START,
)
"""Triggers of events by which somebody is authorised to charge."""

_CURRENT = int(MeasurandEnum.MEASURAND_ENUM_CURRENT_IMPORT)

_CHARGING: Mapping[int, bool] = {
    ChargingStateEnum.CHARGING_STATE_ENUM_CHARGING: True,
    # The vehicle would draw power, so it is not idle time of the driver.
    ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EVSE: True,
    ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EV: False,
    ChargingStateEnum.CHARGING_STATE_ENUM_EV_CONNECTED: False,
    ChargingStateEnum.CHARGING_STATE_ENUM_IDLE: False,
}

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Times are limited to this range, so that wrong clocks can't overflow arithmetic."""

_PHASES = (PhaseEnum.PHASE_ENUM_L1, PhaseEnum.PHASE_ENUM_L2, PhaseEnum.PHASE_ENUM_L3)

_EXPONENT, _MOST_CURRENT = 18, 1e6
"""Limits above which a current is implausible."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FIRST_TARIFF = timedelta(seconds=10)
"""Time in which all cores learn that a tenant has tariffs, with much to spare."""


class TransactionCosts:
    """Passes the transactions of a batch to pricing."""

    def __init__(self, services: Services) -> None:
        self._pricing = Pricing(services)
        self._clock = services.clock

    async def prepare(self, work: UnitOfWork, state: TransactionState, ordered: Sequence[Occurrence]) -> AtHand:
        """Compute everything that can be computed before the transaction is locked.

        Args:
            work: May be read only.
            state: The transaction.
            ordered: All its events that count, folded and in their order.
        """
        if not await self._pricing.is_wanted(work, state.tenant_id):
            return AtHand(ordered)
        moments = await run_cooperatively(_moments_in_steps(state, ordered))
        key = (state.station_id, state.transaction_id)
        return AtHand(ordered, await self._pricing.prepare(work, state.tenant_id, key, moments))

    async def _is_wanted(self, work: UnitOfWork, tenant_id: str, states: Iterable[TransactionState]) -> bool:
        """Return whether there is anything to do. What is settled right after it began may have the first tariff."""
        since = (self._clock() - _FIRST_TARIFF - _EPOCH) // timedelta(microseconds=1)
        at_once = any(state.settlement and state.sequence >= since for state in states)
        return await self._pricing.is_wanted(work, tenant_id, at_once=at_once)

    async def settle(self, work: UnitOfWork, heard: Heard) -> Priced:
        """Set costs in the answers and the states (I02.FR.01, I03.FR.02). Does nothing without tariffs."""
        if not await self._is_wanted(work, heard.tenant_id, heard.states.values()):
            return Priced()
        by_transaction: dict[TransactionKey, list[tuple[EventKey, Occurrence]]] = {key: [] for key in heard.whole}
        for key, occurrence in heard.fresh.items():
            if not occurrence.late and key[:2] not in heard.deferred:
                by_transaction.setdefault((key[0], key[1]), []).append((key, occurrence))
        postponed = {name for name in by_transaction if name not in heard.whole and _is_postponed(heard, name)}
        for name in postponed:
            del by_transaction[name]
        charged = await self._settle(work, heard, by_transaction) if by_transaction else ()
        return Priced(_totals(charged), postponed=postponed)

    async def _settle(
        self,
        work: UnitOfWork,
        heard: Heard,
        by_transaction: Mapping[TransactionKey, Sequence[tuple[EventKey, Occurrence]]],
    ) -> Sequence[Charged]:
        repository = TransactionRepository(work.session)

        async def load(keys: Collection[TransactionKey]) -> Mapping[TransactionKey, Sequence[Occurrence]]:
            others = [heard.states[key] for key in keys if key not in heard.whole]
            stored = await repository.load_events(heard.tenant_id, others)
            found = {
                key: sorted([*events, *(one for _, one in by_transaction[key])], key=lambda one: one.order)
                for key, events in stored.items()
            }
            return found | {key: heard.whole[key].ordered for key in keys if key in heard.whole}

        # With a skewed clock, the time at which each event counts depends on the others.
        whole = await load([key for key in by_transaction if heard.states[key].clock_skew_ms is not None])
        # A single reading does not show what was charged since. Two equal readings show that it was nothing.
        doubtful = await load([key for key in by_transaction if _may_be_unknown(heard.states[key])])
        unknown = {key for key, ordered in doubtful.items() if not await _is_measured(heard.states[key], ordered)}
        charged = [
            _charged(heard, key, heard.states[key], sorted(events, key=lambda one: one[1].order), whole.get(key))
            for key, events in by_transaction.items()
        ]
        for one in charged:
            one.energy_known = one.energy_known and one.key not in unknown

        async def history(keys: Collection[TransactionKey]) -> Mapping[TransactionKey, Sequence[Moment] | Prepared]:
            found = {**whole, **await load([key for key in keys if key not in whole])}
            return {key: await _history(heard.states[key], found[key], heard.whole.get(key)) for key in keys}

        await self._pricing.price(work, heard.tenant_id, charged, history)
        for one in charged:
            if one.total is not None:
                heard.states[one.key].total_cost = float(one.total)
        return charged

    async def reckon(
        self,
        work: UnitOfWork,
        tenant_id: str,
        states: Sequence[TransactionState],
        cause: Cause | None = None,
        fresh: Mapping[TransactionKey, Sequence[Occurrence]] = MappingProxyType({}),
        at_hand: Mapping[TransactionKey, AtHand] = MappingProxyType({}),
        anew: Collection[TransactionKey] = (),
    ) -> Priced:
        """Compute the costs of settled transactions, and correct final ones.

        Args:
            work: Whose transaction it is.
            tenant_id: Tenant of the stations.
            states: The transactions.
            cause: Reason of corrections. None: that of the transaction.
            fresh: Late events of them that are not stored yet.
            at_hand: All events that count, of transactions for which they are already read.
            anew: Transactions whose energy was found anew.
        """
        if not (cause is not None and cause.version) and not await self._is_wanted(work, tenant_id, states):
            return Priced()
        by_key = {(state.station_id, state.transaction_id): state for state in states}
        repository = TransactionRepository(work.session)

        async def load(keys: Collection[TransactionKey]) -> Mapping[TransactionKey, Sequence[Occurrence]]:
            missing = [key for key in keys if key not in at_hand]
            small = [by_key[key] for key in missing if not is_large(by_key[key], ends=False)]
            stored = {key: at_hand[key].ordered for key in keys if key in at_hand}
            found = await repository.load_events(tenant_id, small, with_late=True)
            for key in missing:
                if key not in found:
                    pages = repository.load_pages(tenant_id, by_key[key], with_late=True)
                    found[key] = [one async for page in pages for one in page]
                ours = (one for one in (*found[key], *fresh.get(key, ())) if counts(by_key[key], one))
                stored[key] = sorted(ours, key=lambda one: one.order)
            return stored

        whole = await load([key for key, state in by_key.items() if state.clock_skew_ms is not None])

        async def history(keys: Collection[TransactionKey]) -> Mapping[TransactionKey, Sequence[Moment] | Prepared]:
            found = {**whole, **await load([key for key in keys if key not in whole])}
            return {key: await _history(by_key[key], found[key], at_hand.get(key)) for key in keys}

        # A late event is not part of the state, and may provide the energy.
        doubtful = await load([key for key, state in by_key.items() if not state.energy_wh])
        measured = {key for key, ordered in doubtful.items() if await _is_measured(by_key[key], ordered)}
        charged = [_settled(state, whole.get(key), cause) for key, state in by_key.items()]
        for one in charged:
            one.is_late = one.is_late or one.key in anew
            if one.key in doubtful:
                one.energy_known = one.key in measured
        await self._pricing.price(work, tenant_id, charged, history)
        corrections = {one.key: one.correction for one in charged if one.correction is not None}
        return Priced(_totals(charged), corrections)


def _totals(charged: Iterable[Charged]) -> Mapping[TransactionKey, Total]:
    return {one.key: one.cost for one in charged if one.cost is not None}


def _settled(state: TransactionState, whole: Sequence[Occurrence] | None, cause: Cause | None) -> Charged:
    """Return a transaction whose only change is that it is settled."""
    start, end = (state.start_time, state.end_time) if whole is None else _bounds(state, whole)
    return Charged(
        state.transaction_id,
        state.sequence,
        _subject(state, start),
        None if end is None else _clamped(end),
        state.start_time is not None,
        [],
        is_new=False,
        is_late=whole is not None,
        reservation_id=state.reservation_id,
        energy_known=state.energy_wh is not None,
        settlement=state.settlement or 0,
        cause=cause or _cause_of(state),
        summary=summary_of(state, state.last_seq_no),
    )


def _subject(state: TransactionState, start: datetime | None) -> Subject:
    first_heard = _EPOCH + timedelta(microseconds=state.sequence)
    return Subject(state.station_id, state.evse_id, state.id_token, state.id_token_type, start, first_heard)


def _cause_of(state: TransactionState) -> Cause | None:
    return None if state.reopening is None else Cause(state.reopening)


def _may_be_unknown(state: TransactionState) -> bool:
    """Return whether a transaction is over, and its energy is zero or rests on a single reading."""
    return state.energy_wh == 0 and (state.end_time is not None or state.settle_time is not None)


def _is_postponed(heard: Heard, key: TransactionKey) -> bool:
    """Return whether a transaction would have to be priced anew, and is too large for that with each event."""
    state = heard.states[key]
    if state.clock_skew_ms is None and not _may_be_unknown(state):
        return False
    return is_large(state, ends=state.end_time is not None and key not in heard.ended_before)


async def _is_measured(state: TransactionState, ordered: Sequence[Occurrence]) -> bool:
    """Return whether events determine the energy: it is not zero, or a register was read more than once."""
    energy_wh = (await run_cooperatively(fold_in_steps(state, ordered))).energy_wh
    return bool(energy_wh) or len({time for one in ordered for time, _ in one.energies}) > 1


def _charged(
    heard: Heard,
    key: TransactionKey,
    state: TransactionState,
    events: Sequence[tuple[EventKey, Occurrence]],
    whole: Sequence[Occurrence] | None,
) -> Charged:
    """Return a transaction with its new events.

    Args:
        heard: The batch.
        key: The transaction.
        state: Its state, with the new events.
        events: The new events, in order.
        whole: All events in order, if the station's clock is skewed. None: it is not.
    """
    start, end = (state.start_time, state.end_time) if whole is None else _bounds(state, whole)
    return Charged(
        state.transaction_id,
        state.sequence,
        _subject(state, start),
        None if end is None else _clamped(end),
        state.start_time is not None,
        [
            ChargedEvent(
                _moment(occurrence, occurrence.event_time),
                heard.responses[event],
                occurrence.event_type == _UPDATED,
                occurrence.event_type == _ENDED,
            )
            for event, occurrence in events
        ],
        is_new=key in heard.new,
        is_late=key in heard.late or whole is not None,
        reservation_id=state.reservation_id,
        energy_known=state.energy_wh is not None,
        settlement=state.settlement or 0,
        waits_until=state.settle_due_time,
        wants_details=state.unnumbered,
        register_wh=state.meter_last_wh,
        cause=_cause_of(state),
        summary=summary_of(state, state.last_seq_no) if end is not None or state.settlement else None,
    )


def _skew_of(state: TransactionState) -> timedelta | None:
    return None if state.clock_skew_ms is None else timedelta(milliseconds=state.clock_skew_ms)


def _bounds(state: TransactionState, ordered: Sequence[Occurrence]) -> tuple[datetime | None, datetime | None]:
    """Return when a transaction began and ended by our clock; None for what is not known yet."""
    times = list(zip(billed_times(ordered, _skew_of(state)), ordered, strict=True))
    starts = (time for time, one in times if one.event_type == _STARTED)
    ends = (time for time, one in times if one.event_type == _ENDED)
    return next(starts, None), next(ends, None)


async def _history(
    state: TransactionState, ordered: Sequence[Occurrence], at_hand: AtHand | None
) -> Sequence[Moment] | Prepared:
    if at_hand is not None and at_hand.prepared is not None:
        return at_hand.prepared
    if at_hand is None:
        # Folded once more, because only the fold derives the energy from a register.
        await run_cooperatively(fold_in_steps(state, ordered))
    return await run_cooperatively(_moments_in_steps(state, ordered))


def _moments_in_steps(state: TransactionState, ordered: Sequence[Occurrence]) -> Steps[list[Moment]]:
    moments = []
    for one, time in zip(ordered, billed_times(ordered, _skew_of(state)), strict=True):
        moments.append(_moment(one, time))
        yield
    return moments


def _moment(occurrence: Occurrence, time: datetime) -> Moment:
    """Return the moment of an event, which counts at a time; its readings are moved too, and never into the future."""
    readings = occurrence.energies
    if readings and time != occurrence.event_time:
        shift = time - occurrence.event_time
        readings = [(min(moved(_clamped(one), shift), time), wh) for one, wh in readings]
    return Moment(
        to_micros(_clamped(time)),
        _CHARGING.get(occurrence.request.transaction_info.charging_state),
        [(to_micros(_clamped(one)), round(wh * 1000)) for one, wh in readings],
        _current(occurrence),
        # A queued event describes the past.
        to_micros(_clamped(occurrence.receive_time)) if occurrence.offline and occurrence.receive_time else 0,
        authorized=_authorization(occurrence),
        offered=occurrence.request.transaction_info.charging_state != _SUSPENDED_EVSE,
    )


def _authorization(occurrence: Occurrence) -> bool | None:
    """Return whether an event authorises somebody (True), or refuses somebody (False); None: neither.

    It depends on the event and its answer alone, so that a refold has the same result. A remote start and a reservation
    imply the token that they were made for (F01.FR.04, H01.FR.15). A token that stops the transaction does not count.
    """
    request = occurrence.request
    if occurrence.event_type == _ENDED or request.trigger_reason == _STOP_AUTHORIZED:
        return None
    if request.HasField("id_token"):
        return occurrence.token_status in (None, _ACCEPTED)
    is_known = request.transaction_info.HasField("remote_start_id") or request.HasField("reservation_id")
    return True if is_known or request.trigger_reason in _AUTHORIZED else None


def _current(occurrence: Occurrence) -> int | None:
    """Return the newest current in mA, summed over phases if it is given by phase; None if there is none."""
    rows = [row for row in occurrence.samples if row.measurand == _CURRENT and abs(row.multiplier or 0) <= _EXPONENT]
    if not rows:
        return None
    newest = rows[0].sample_time if len(rows) == 1 else max(row.sample_time for row in rows)
    values = {row.phase: row.value * 10.0 ** (row.multiplier or 0) for row in rows if row.sample_time == newest}
    total = values[None] if None in values else sum(values.get(phase, 0.0) for phase in _PHASES)
    return round(1000 * total) if abs(total) < _MOST_CURRENT else None


def _clamped(time: datetime) -> datetime:
    return min(max(time, _FIRST), _LAST)
