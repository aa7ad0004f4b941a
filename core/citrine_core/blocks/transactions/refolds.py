"""Refolds: transactions are folded anew from all their events, and anomalies are published."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from citrine.api.v1.transactions_pb2 import TransactionAnomaly
from citrine.events.v1.events_pb2 import Event, TransactionAnomalyFound
from citrine_core.blocks.transactions.deferrals import is_large
from citrine_core.blocks.transactions.evse_energy import Unmeasured, fold_meter_values
from citrine_core.blocks.transactions.fold import Occurrence, Order, TransactionState, fold_in_steps
from citrine_core.blocks.transactions.late_events import counts, is_settled
from citrine_core.blocks.transactions.queries import find_next_starts
from citrine_core.blocks.transactions.register_memory import Anomaly, RegisterMemory, load_anomalies
from citrine_core.blocks.transactions.remote_starts import retain_remote_start
from citrine_core.blocks.transactions.repository import TransactionKey, TransactionRepository
from citrine_core.blocks.transactions.summaries import summary_of
from citrine_core.db import UnitOfWork
from citrine_core.steps import run_cooperatively

__all__ = [
    "Snapshot",
    "adopt",
    "anomaly_events",
    "doubt_events",
    "not_behind",
    "note_boots",
    "read_snapshots",
    "refold",
]

MOST_BOOTS = 100
"""Largest number of boots stored with a transaction."""


_INPUTS = ("register_state", "power_limit_w", "anomalies", "clock_skew_ms", "settle_time", "late_events")
"""Inputs of a fold besides the events."""

_FOLDED_ONLY = frozenset(
    {
        *("evse_id", "connector_id", "id_token", "id_token_type", "id_token_lookup", "id_token_status"),
        *("group_id", "token_owner"),
        *("charging_state", "power_w", "soc_percent", "start_time", "end_time", "stopped_reason", "start_trigger"),
        *("end_trigger", "stop_id_token", "stop_id_token_type", "remote_start_id", "reservation_id", "energy_wh"),
        *("meter_start_wh", "meter_last_wh", "meter_last_time", "meter_base_wh", "meter_before_wh", "meter_began"),
        *("time_spent_charging", "number_of_phases_used", "cable_max_current", "register_state", "exported_wh"),
        *("export_last_wh", "export_last_time", "anomalies"),
    }
)
"""Columns that only a refold determines. All others are updated by each event as it arrives."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A transaction folded from all events that were stored at one time."""

    before: TransactionState
    """The state that was read before the events."""
    folded: TransactionState
    ordered: Sequence[Occurrence]
    """The events in order, with the energy at each of their readings."""


async def read_snapshots(work: UnitOfWork, tenant_id: str, states: Sequence[TransactionState]) -> list[Snapshot]:
    """Refold transactions from all stored events, in small steps for the sake of other tasks.

    For a settled transaction, late events are folded as well if they count for the cost.
    """
    stored = await _load_whole(work, tenant_id, states)
    found = []
    for state, events in zip(states, stored, strict=True):
        ordered = sorted((one for one in events if counts(state, one)), key=lambda one: one.order)
        found.append(Snapshot(state, await run_cooperatively(fold_in_steps(state, ordered)), ordered))
    places = [place for place, one in enumerate(found) if one.before.end_time is None and one.folded.energy_wh is None]
    if places:
        ends = await _find_ends(work, tenant_id, [found[place].folded for place in places])
        unmeasured = [
            Unmeasured(found[place].folded, whole=found[place].ordered, until=end)
            for place, end in zip(places, ends, strict=True)
        ]
        for place, folded in zip(places, await fold_meter_values(work, tenant_id, unmeasured), strict=True):
            found[place] = replace(found[place], folded=folded or found[place].folded)
    return found


async def _load_whole(
    work: UnitOfWork, tenant_id: str, states: Sequence[TransactionState]
) -> list[Sequence[Occurrence]]:
    """Return all stored events of transactions: those of small ones by one query, those of large ones in pages."""
    repository = TransactionRepository(work.session)
    small = [state for state in states if not is_large(state, ends=False)]
    stored = await repository.load_events(tenant_id, small, with_late=True)
    for state in states:
        if is_large(state, ends=False):
            pages = repository.load_pages(tenant_id, state, with_late=is_settled(state))
            stored[_key(state)] = [one async for page in pages for one in page]
    return [[one for one in stored[_key(state)] if not one.late or is_settled(state)] for state in states]


async def _find_ends(work: UnitOfWork, tenant_id: str, states: Sequence[TransactionState]) -> list[datetime | None]:
    """Return until when transactions that are settled without an end had their EVSEs: until the next ones began there.

    None: not settled, or it is not known where or since when it was.
    """
    places = {
        place: (state.station_id, state.evse_id, state.sequence, state.start_time)
        for place, state in enumerate(states)
        if state.settle_time is not None and state.evse_id is not None and state.start_time is not None
    }
    starts = await find_next_starts(work.session, tenant_id, list(places.values())) if places else []
    found: list[datetime | None] = [None] * len(states)
    for place, start in zip(places, starts, strict=True):
        found[place] = start or states[place].settle_time
    return found


def _key(state: TransactionState) -> TransactionKey:
    return state.station_id, state.transaction_id


def adopt(state: TransactionState, snapshot: Snapshot) -> TransactionState | None:
    """Return a transaction with the results of a snapshot; None if the snapshot's inputs have changed.

    Events that arrived since are counted, and not folded.

    Args:
        state: The stored state by now.
        snapshot: The snapshot of the same transaction.
    """
    before, folded = snapshot.before, snapshot.folded
    if any(getattr(state, name) != getattr(before, name) for name in _INPUTS):
        return None
    found = replace(state, **{name: getattr(folded, name) for name in _FOLDED_ONLY})
    retain_remote_start(state, found)
    return found


def note_boots(occurrences: Iterable[Occurrence], states: Mapping[TransactionKey, TransactionState]) -> None:
    """Store the boots of stations in those of their transactions that had no event since."""
    noted: set[TransactionKey] = set()
    for one in occurrences:
        key = (one.station_id, one.transaction_id)
        state = states.get(key)
        if state is not None and state.orphaned and key not in noted:
            noted.add(key)
            memory = RegisterMemory.load(state.register_state)
            memory.boots = [*memory.boots, one.position(unnumbered=state.unnumbered)][-MOST_BOOTS:]
            state.register_state = memory.dump()


def not_behind(
    occurrences: Iterable[Occurrence], states: Mapping[TransactionKey, TransactionState]
) -> set[TransactionKey]:
    """Return the transactions with a new event that is not the last in order."""
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
    repository: TransactionRepository, state: TransactionState, accepted: Sequence[Occurrence], occurrence: Occurrence
) -> TransactionState:
    """Return a transaction folded from all its events.

    Args:
        repository: The repository of the batch.
        state: The state with the event, except its readings.
        accepted: Its earlier events of this batch.
        occurrence: The event.
    """
    key = (state.station_id, state.transaction_id)
    stored = await repository.load_events(state.tenant_id, [state])
    folded = await run_cooperatively(fold_in_steps(state, [*stored[key], *accepted, occurrence]))
    retain_remote_start(state, folded)
    return folded


def anomaly_events(state: TransactionState, before: bytes | None) -> Iterable[Event]:
    """Yield the events of new anomalies."""
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
    """Yield the events of anomalies that are not about readings.

    Args:
        states: Transactions.
        clocks: Those whose station's clock turned out to be skewed.
        new: Those that are new.
        gaps: Those that just ended with events missing.
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
        kind=TransactionAnomaly.Kind.ValueType(one.kind),
        register_wh=one.register_wh or 0.0,
    )
    if one.time is not None:
        body.time.FromDatetime(one.time)
    return Event(tenant_id=state.tenant_id, station_id=state.station_id, transaction_anomaly_found=body)
