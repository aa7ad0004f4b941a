"""Energy of a transaction from sources other than its events: power limits and MeterValues of its EVSE."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from citrine_core.blocks.meter_values import RegisterReading
from citrine_core.blocks.meter_values.queries import EVSETime, find_evse_registers
from citrine_core.blocks.provisioning.queries import find_evse_powers
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState, fold_in_steps
from citrine_core.blocks.transactions.other_energy import from_meter_values, outside_readings
from citrine_core.blocks.transactions.register_memory import RegisterMemory, add_anomaly
from citrine_core.blocks.transactions.repository import TransactionKey, TransactionRepository
from citrine_core.db import UnitOfWork
from citrine_core.steps import run_cooperatively

__all__ = ["Unmeasured", "fold_meter_values", "set_power_limits"]


async def set_power_limits(
    work: UnitOfWork,
    tenant_id: str,
    states: Mapping[TransactionKey, TransactionState],
    occurrences: Iterable[Occurrence],
    placed: Collection[TransactionKey],
    default_w: float | None,
) -> None:
    """Set the power limits of the EVSEs of transactions, by one query for all; by none if no EVSE is new.

    Args:
        work: A transaction.
        tenant_id: Of the stations.
        states: The transactions. The limit is set in those that are placed.
        occurrences: Events that name the EVSE in use.
        placed: Transactions that are new, or whose EVSE was unknown.
        default_w: Limit of EVSEs whose device model has none. None: no limit.
    """
    wanted = {
        (one.station_id, one.transaction_id): one.request.evse.id
        for one in occurrences
        if one.request.evse.id > 0 and (one.station_id, one.transaction_id) in placed
    }
    if not wanted:
        return
    powers = await find_evse_powers(work.session, tenant_id, {station_id for station_id, _ in wanted})
    for key, evse_id in wanted.items():
        states[key].power_limit_w = powers.get((key[0], evse_id), default_w)


class Unmeasured(NamedTuple):
    """A transaction that just ended, or gets no end, and whose events may contain no energy."""

    state: TransactionState
    fresh: Sequence[Occurrence] = ()
    """Its events that are not stored yet."""
    whole: Sequence[Occurrence] | None = None
    """All its events, if they are already read."""
    until: datetime | None = None
    """Until when its EVSE was in use, if it gets no end."""

    @property
    def time(self) -> EVSETime | None:
        """When it was at its EVSE. None: its events contain the energy, or its EVSE or times are not known."""
        state = self.state
        start, end = state.start_time, state.end_time or self.until
        if state.energy_wh is not None or not state.evse_id or start is None or end is None or start >= end:
            return None
        return EVSETime(state.station_id, state.evse_id, start, end)


async def fold_meter_values(
    work: UnitOfWork, tenant_id: str, unmeasured: Sequence[Unmeasured]
) -> list[TransactionState | None]:
    """Return transactions with the energy by MeterValues of their EVSEs; None for those where these tell none.

    One statement for many of them asks for the MeterValues.
    """
    times = {place: time for place, one in enumerate(unmeasured) if (time := one.time) is not None}
    found: list[TransactionState | None] = [None] * len(unmeasured)
    if times:
        registers = await find_evse_registers(work.session, tenant_id, list(times.values()))
        for place, readings in zip(times, registers, strict=True):
            found[place] = await _measured(work, unmeasured[place], readings)
    return found


async def _measured(work: UnitOfWork, one: Unmeasured, readings: Sequence[RegisterReading]) -> TransactionState | None:
    state, outside = one.state, outside_readings(readings)
    if len(outside) < 2:
        return None
    memory = RegisterMemory.load(state.register_state)
    memory.outside = outside
    state.register_state = memory.dump()
    whole, key = one.whole, (state.station_id, state.transaction_id)
    if whole is None:
        stored = await TransactionRepository(work.session).load_events(state.tenant_id, [state])
        whole = [*stored[key], *one.fresh]
    folded = await run_cooperatively(fold_in_steps(state, whole))
    if folded.energy_wh is None:
        return None
    add_anomaly(folded, from_meter_values(folded))
    return folded
