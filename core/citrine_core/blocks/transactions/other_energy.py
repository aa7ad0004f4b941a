"""Energy without an import register: exported, reported in intervals, or by MeterValues of the EVSE."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from citrine.api.v1.transactions_pb2 import TransactionAnomaly
from citrine_core.blocks.meter_values import ALIGNED, RegisterReading, total_of
from citrine_core.blocks.transactions.register_memory import Anomaly, RegisterMemory
from citrine_core.blocks.transactions.register_model import Reading, follows, most_power, reckon

if TYPE_CHECKING:
    from citrine_core.blocks.transactions.fold import Occurrence, TransactionState

__all__ = [
    "follow_exports",
    "follow_intervals",
    "from_meter_values",
    "outside_readings",
    "reckon_exports",
    "reckon_without_register",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

LONGEST_INTERVAL = timedelta(days=1)
"""Longest interval: more energy than the EVSE can give in this time is implausible."""

Counted = Sequence[tuple["Occurrence", RegisterReading]]
"""Readings with their events, in order."""

Energies = list[tuple[datetime, float]]


def follow_exports(state: "TransactionState", readings: Sequence[RegisterReading]) -> bool:
    """Add the energy exported since; return False if all readings must be reckoned anew."""
    for one in readings:
        last, time = state.export_last_wh, state.export_last_time
        if last is None or time is None:
            if one.wh < 0:
                return False
            state.exported_wh = 0.0
        elif one.rank == 0 or one.time <= time:
            continue
        elif one.wh < last or not follows(time, last, one.time, one.wh, most_power(state.power_limit_w)):
            return False
        else:
            state.exported_wh = total_of(one.wh, last, state.exported_wh or 0.0)
        state.export_last_wh, state.export_last_time = one.wh, one.time
    return True


def reckon_exports(state: "TransactionState", counted: Counted) -> None:
    """Compute the exported energy from all readings of the export register."""
    series = counted[0][1].series if counted else 0
    values = ((one, one.of(series)) for _, one in counted)
    readings = [Reading(one.time, wh, one.rank) for one, wh in values if wh is not None]
    found = reckon(readings, (), most_power(state.power_limit_w))
    state.exported_wh = found.energy_wh
    state.export_last_wh = None if found.last is None else found.last.wh
    state.export_last_time = None if found.last is None else found.last.time


def follow_intervals(state: "TransactionState", readings: Sequence[RegisterReading]) -> Energies | None:
    """Add the energy of intervals, if no register was read; None: all readings must be reckoned anew."""
    energies: Energies = []
    if state.meter_last_wh is not None:
        return energies
    memory = RegisterMemory.load(state.register_state)
    for one in readings:
        if memory.interval is None:
            series, last, total = one.series, None, 0.0
        else:
            series, last, total = memory.interval
        if one.series != series:
            return None
        if not _counts(state, last, one):
            continue
        total = total_of(total, 0.0, one.wh)
        memory.interval = (series, _micros(one.time), total)
        state.energy_wh = total
        energies.append((one.time, total))
    state.register_state = memory.dump()
    return energies


def reckon_without_register(state: "TransactionState", intervals: Counted, last: "Occurrence | None") -> None:
    """Compute the energy of a transaction whose import register was read at one time at most.

    Args:
        state: The energy is set in it; unset if nothing provides it and the transaction is over, or settled.
        intervals: Energy of intervals.
        last: Its last event.
    """
    memory = RegisterMemory.load(state.register_state)
    memory.interval = None
    energies: Mapping[int, Energies] = {}
    if intervals:
        energies = _sum_up(state, memory, intervals)
    elif memory.outside and last is not None:
        readings = [Reading(_EPOCH + time * _MICROSECOND, wh) for time, wh in memory.outside]
        found = reckon(readings, memory.confirmed, most_power(state.power_limit_w))
        state.energy_wh = found.energy_wh if len(found.energies) > 1 else None
        if state.energy_wh is not None:
            energies = {id(last): [(readings[place].time, found.energies[place]) for place in sorted(found.energies)]}
    elif state.end_time is not None or state.settle_time is not None:
        # A single reading does not determine the energy.
        state.energy_wh = None
    if energies:
        for occurrence, _ in intervals:
            occurrence.energies = energies.get(id(occurrence), ())
        if last is not None:
            last.energies = energies.get(id(last), ())
    state.register_state = memory.dump()


def _sum_up(state: "TransactionState", memory: RegisterMemory, intervals: Counted) -> dict[int, Energies]:
    """Add up the intervals of one series: the sampled ones, else those aligned to the clock, which repeat them."""
    counts: dict[int, int] = {}
    for _, one in intervals:
        counts[one.series] = counts.get(one.series, 0) + 1
    series = max(counts, key=lambda one: (one < ALIGNED, counts[one], -one))
    total, last = 0.0, None
    energies: dict[int, Energies] = {}
    for occurrence, one in intervals:
        if one.series != series or not _counts(state, last, one):
            continue
        total, last = total_of(total, 0.0, one.wh), _micros(one.time)
        energies.setdefault(id(occurrence), []).append((one.time, total))
    memory.interval = (series, last, total)
    state.energy_wh = total
    return energies


def _counts(state: "TransactionState", last: int | None, one: RegisterReading) -> bool:
    if last is not None and _micros(one.time) <= last:
        return False
    return 0 <= one.wh <= most_power(state.power_limit_w) * LONGEST_INTERVAL.total_seconds() / 3600


def outside_readings(readings: Iterable[RegisterReading]) -> list[tuple[int, float]]:
    """Return readings of MeterValues as they are stored with a transaction: those of the first series."""
    found = list(readings)
    series = found[0].series if found else 0
    return [(_micros(one.time), wh) for one in found if (wh := one.of(series)) is not None]


def from_meter_values(state: "TransactionState") -> Anomaly:
    """Return the anomaly of a transaction whose energy comes from MeterValues of its EVSE."""
    return Anomaly(int(TransactionAnomaly.KIND_ENERGY_OF_EVSE), state.end_time)


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND
