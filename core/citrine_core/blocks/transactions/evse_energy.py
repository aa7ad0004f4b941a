"""Energy of a transaction from sources other than its events: power limits and MeterValues of its EVSE."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from citrine_core.blocks.meter_values.queries import find_evse_registers
from citrine_core.blocks.provisioning.queries import find_evse_powers
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState, fold_in_steps
from citrine_core.blocks.transactions.other_energy import from_meter_values, outside_readings
from citrine_core.blocks.transactions.register_memory import RegisterMemory, add_anomaly
from citrine_core.blocks.transactions.repository import TransactionKey, TransactionRepository
from citrine_core.db import UnitOfWork
from citrine_core.steps import run_cooperatively

__all__ = ["fold_meter_values", "set_power_limits"]


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


async def fold_meter_values(
    work: UnitOfWork,
    state: TransactionState,
    fresh: Iterable[Occurrence] = (),
    whole: Sequence[Occurrence] | None = None,
    until: datetime | None = None,
) -> TransactionState | None:
    """Return a transaction with the energy by MeterValues of its EVSE, if its events contain none.

    Args:
        work: A transaction of the database.
        state: A transaction that just ended, or gets no end.
        fresh: Its events that are not stored yet.
        whole: All its events, if they are already read.
        until: Until when its EVSE was in use, if it gets no end.
    """
    start, end = state.start_time, state.end_time or until
    if state.energy_wh is not None or not state.evse_id or start is None or end is None or start >= end:
        return None
    readings = await find_evse_registers(work.session, state.tenant_id, state.station_id, state.evse_id, start, end)
    outside = outside_readings(readings)
    if len(outside) < 2:
        return None
    memory = RegisterMemory.load(state.register_state)
    memory.outside = outside
    state.register_state = memory.dump()
    key = (state.station_id, state.transaction_id)
    if whole is None:
        stored = await TransactionRepository(work.session).load_events(state.tenant_id, {key})
        whole = [*stored[key], *fresh]
    folded = await run_cooperatively(fold_in_steps(state, whole))
    if folded.energy_wh is None:
        return None
    add_anomaly(folded, from_meter_values(folded))
    return folded
