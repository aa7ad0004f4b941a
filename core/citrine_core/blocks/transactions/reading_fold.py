"""Folds readings into the energy of a transaction: ordinary ones one by one, all anew if one is doubtful."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from citrine.api.v1.transactions_pb2 import TransactionAnomaly
from citrine.ocpp.v2.transactions_pb2 import ReasonEnum, TriggerReasonEnum
from citrine_core.blocks.meter_values import RegisterReading, total_of
from citrine_core.blocks.transactions.register_memory import (
    Anomaly,
    RegisterMemory,
    dump_anomalies,
    load_anomalies,
)
from citrine_core.blocks.transactions.register_model import (
    Reading,
    follows,
    is_idle,
    most_power,
    reckon_in_steps,
)
from citrine_core.steps import Steps

if TYPE_CHECKING:
    from citrine_core.blocks.transactions.fold import Occurrence, TransactionState

__all__ = ["follow_readings", "reckon_readings"]

_POWER_LOSS = ReasonEnum.REASON_ENUM_POWER_LOSS
_RESUMED = TriggerReasonEnum.TRIGGER_REASON_ENUM_TX_RESUMED

_SERIES_CHANGED = int(TransactionAnomaly.KIND_SERIES_CHANGED)
_OF_REGISTERS = frozenset(
    {
        int(TransactionAnomaly.KIND_OUTLIER_DROPPED),
        int(TransactionAnomaly.KIND_RESTART_ASSUMED),
        int(TransactionAnomaly.KIND_REGISTER_JUMPED),
        int(TransactionAnomaly.KIND_UNIT_ASSUMED),
        _SERIES_CHANGED,
    }
)
"""Kinds of anomalies that are derived from readings, and replaced by each fold of all of them."""

_NOTHING = RegisterMemory()


def follow_readings(
    state: "TransactionState", readings: Sequence[RegisterReading]
) -> list[tuple[datetime, float]] | None:
    """Fold readings that continue from the last one; return None if all must be reckoned anew."""
    content = state.register_state
    memory = RegisterMemory.load(content) if content is not None else _NOTHING
    energies: list[tuple[datetime, float]] = []
    for reading in readings:
        last = state.meter_last_wh
        if last is None:
            if reading.series or reading.wh < 0 or content is not None:
                return None
            state.meter_start_wh = state.meter_base_wh = state.meter_last_wh = reading.wh
            state.meter_last_time, state.meter_began = reading.time, reading.rank == 0
        else:
            wh = reading.wh if reading.series == memory.series else reading.of(memory.series)
            if wh is None:
                if not memory.others:
                    return None
                continue
            time = state.meter_last_time
            assert time is not None
            if reading.rank == 0:
                # Ended may repeat all readings (J02.FR.10), so a second beginning is the first one again.
                if not state.meter_began:
                    return None
                continue
            if memory.pending or (memory.height_wh is not None and wh >= memory.height_wh):
                return None
            if follows(time, last, reading.time, wh, most_power(state.power_limit_w)):
                state.meter_last_wh, state.meter_last_time = wh, reading.time
            elif reading.rank == 2 or not is_idle(time, last, reading.time, wh):
                return None
            else:
                continue
        assert state.meter_last_wh is not None
        assert state.meter_base_wh is not None
        state.energy_wh = total_of(state.meter_last_wh, state.meter_base_wh, state.meter_before_wh)
        energies.append((reading.time, state.energy_wh))
    return energies


def reckon_readings(
    state: "TransactionState", counted: Sequence[tuple["Occurrence", RegisterReading]], before: bytes | None
) -> Steps[int]:
    """Reckon the energy from all readings; return how often the counting register was read.

    Readings at one time are one, save those of the beginning and the end.

    Args:
        state: The energy is set in it.
        counted: All readings with their events, in order.
        before: The stored RegisterMemory.
    """
    old = RegisterMemory.load(before)
    memory = RegisterMemory(boots=old.boots, confirmed=old.confirmed, outside=old.outside)
    if counted:
        memory.series = counted[0][1].series
    readings: list[Reading] = []
    events: list[Occurrence] = []
    strange: list[Anomaly] = []
    boots = sorted(memory.boots)
    for occurrence, one in counted:
        yield
        wh = one.of(memory.series)
        if wh is None:
            memory.others = True
            strange.append(Anomaly(_SERIES_CHANGED, one.time, one.wh))
            continue
        booted = bisect_right(boots, occurrence.position(unnumbered=state.unnumbered)) + _lost_power(occurrence)
        readings.append(Reading(one.time, wh, one.rank, booted))
        events.append(occurrence)
    found = yield from reckon_in_steps(readings, memory.confirmed, most_power(state.power_limit_w))
    memory.pending, memory.height_wh = found.is_pending, found.height_wh
    if found.last is not None:
        state.meter_start_wh, state.meter_base_wh, state.meter_before_wh = (
            found.start_wh,
            found.base_wh,
            found.before_wh,
        )
        state.meter_last_wh, state.meter_last_time = found.last.wh, found.last.time
        state.meter_began, state.energy_wh = found.began, found.energy_wh
    energies: dict[int, list[tuple[datetime, float]]] = {}
    for place in sorted(found.energies):
        energies.setdefault(id(events[place]), []).append((readings[place].time, found.energies[place]))
    for occurrence, _ in counted:
        occurrence.energies = energies.get(id(occurrence), ())
    state.register_state = memory.dump()
    others = [one for one in load_anomalies(state.anomalies) if one.kind not in _OF_REGISTERS]
    doubts = [Anomaly(one.kind, one.time, one.wh) for one in found.doubts]
    state.anomalies = dump_anomalies([*others, *strange, *doubts])
    counting = [readings[place] for place in found.energies]
    # Clocks may count whole seconds: a beginning and an end are two readings, also at one time.
    is_whole = {0, 2} <= {one.rank for one in counting}
    return max(len({one.time for one in counting}), 2 if is_whole else 0)


def _lost_power(occurrence: "Occurrence") -> int:
    request = occurrence.request
    return request.transaction_info.stopped_reason == _POWER_LOSS or request.trigger_reason == _RESUMED
