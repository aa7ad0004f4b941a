"""Folds transactions anew where a reading changes what earlier ones mean, and tells of what is doubtful."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from citrine.api.v1.transactions_pb2 import TransactionAnomaly
from citrine.events.v1.events_pb2 import Event, TransactionAnomalyFound
from citrine_core.blocks.transactions.fold import Occurrence, Order, TransactionState, fold
from citrine_core.blocks.transactions.register_memory import Anomaly, RegisterMemory, load_anomalies
from citrine_core.blocks.transactions.remote_starts import retain_remote_start
from citrine_core.blocks.transactions.repository import TransactionKey, TransactionRepository
from citrine_core.blocks.transactions.summaries import summary_of

__all__ = ["anomaly_events", "doubt_events", "not_behind", "note_boots", "refold"]

MOST_BOOTS = 100
"""A station that boots all the time must not have us store all of it."""


def note_boots(occurrences: Iterable[Occurrence], states: Mapping[TransactionKey, TransactionState]) -> None:
    """Remember of transactions whose station booted since it was last heard of them, that it did."""
    noted: set[TransactionKey] = set()
    for one in occurrences:
        key = (one.station_id, one.transaction_id)
        state = states.get(key)
        if state is not None and state.orphaned and key not in noted:
            noted.add(key)
            memory = RegisterMemory.load(state.register_state)
            memory.boots = [*memory.boots, one.seq_no][-MOST_BOOTS:]
            state.register_state = memory.dump()


def not_behind(
    occurrences: Iterable[Occurrence], states: Mapping[TransactionKey, TransactionState]
) -> set[TransactionKey]:
    """Return the transactions with a new event that is not behind all before it."""
    found: set[TransactionKey] = set()
    last: dict[TransactionKey, Order | None] = {key: state.last_order for key, state in states.items()}
    for occurrence in occurrences:
        key = (occurrence.station_id, occurrence.transaction_id)
        before, order = last.get(key), occurrence.order
        if before is not None and order <= before:
            found.add(key)
        else:
            last[key] = order
    return found


async def refold(
    repository: TransactionRepository, state: TransactionState, taken: Sequence[Occurrence], occurrence: Occurrence
) -> TransactionState:
    """Return a transaction folded from all its events.

    Args:
        repository: Of the batch.
        state: With the event, but for what its readings say.
        taken: Its events of this batch before.
        occurrence: The event.
    """
    key = (state.station_id, state.transaction_id)
    stored = await repository.load_events(state.tenant_id, {key})
    folded = fold(state, [*stored[key], *taken, occurrence])
    retain_remote_start(state, folded)
    return folded


def anomaly_events(state: TransactionState, before: bytes | None) -> Iterable[Event]:
    """Yield what subscribers are told of what is doubtful now and was not before."""
    known = set(load_anomalies(before))
    for one in load_anomalies(state.anomalies):
        if one in known:
            continue
        yield _found(state, one)


def doubt_events(
    states: Mapping[TransactionKey, TransactionState],
    clocks: Collection[TransactionKey],
    new: Collection[TransactionKey],
    gaps: Collection[TransactionKey],
) -> Iterable[Event]:
    """Yield what subscribers are told of doubts that are not about readings.

    Args:
        states: Transactions.
        clocks: Those whose station's clock was found to be off.
        new: Those that were heard of for the first time.
        gaps: Those that just ended and lack events.
    """
    again = [key for key in new if states[key].reported_id is not None]
    for keys, kind in (
        (clocks, TransactionAnomaly.KIND_CLOCK_JUMPED),
        (again, TransactionAnomaly.KIND_ID_USED_AGAIN),
        (gaps, TransactionAnomaly.KIND_GAP),
    ):
        for key in keys:
            yield _found(states[key], Anomaly(int(kind)))


def _found(state: TransactionState, one: Anomaly) -> Event:
    body = TransactionAnomalyFound(
        transaction=summary_of(state, state.last_seq_no),
        kind=TransactionAnomaly.Kind.Name(TransactionAnomaly.Kind.ValueType(one.kind)).removeprefix("KIND_"),
        register_wh=one.register_wh or 0.0,
    )
    if one.time is not None:
        body.time.FromDatetime(one.time)
    return Event(tenant_id=state.tenant_id, station_id=state.station_id, transaction_anomaly_found=body)
