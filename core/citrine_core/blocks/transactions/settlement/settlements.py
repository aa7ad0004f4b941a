"""Settles transactions from their known events."""

from collections.abc import Collection, Sequence
from datetime import datetime

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1.tariff_and_cost_pb2 import Settlement
from citrine.events.v1.events_pb2 import Event, TransactionClosed, TransactionSettled
from citrine_core.blocks.transactions.fold import TransactionState
from citrine_core.blocks.transactions.pricing_input import TransactionCosts
from citrine_core.blocks.transactions.refolds import adopt, read_snapshots
from citrine_core.blocks.transactions.repository import TransactionKey, TransactionRepository
from citrine_core.blocks.transactions.settlement.repository import SettlementRepository
from citrine_core.blocks.transactions.summaries import put_cost, summary_of
from citrine_core.db import UnitOfWork
from citrine_core.services import Services

__all__ = ["Settlements"]


class Settlements:
    """Closes and settles transactions without an end or with missing events, within the caller's transaction."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._costs = TransactionCosts(services)

    async def close(
        self, work: UnitOfWork, tenant_id: str, station_id: str, settlement: int, *, transaction_id: str = ""
    ) -> int:
        """Close the open transactions of a station, or a given one, and return how many there were.

        They are settled at once: their costs are final, and running costs are no longer sent.
        """
        keys = await SettlementRepository(work.session).find_open(tenant_id, station_id, transaction_id)
        return len(await self.settle(work, tenant_id, keys, settlement))

    async def settle(
        self, work: UnitOfWork, tenant_id: str, keys: Collection[TransactionKey], settlement: int = 0
    ) -> Sequence[TransactionState]:
        """Settle those transactions that are not settled yet, and return them.

        Args:
            work: The unit of work.
            tenant_id: Tenant of the stations.
            keys: The transactions.
            settlement: citrine.api.v1.Settlement. 0: by the state of each, because its time is over.
        """
        if not keys:
            return []
        repository, now = TransactionRepository(work.session), self._clock()
        found = await repository.find_for_update(tenant_id, keys)
        known = [state for state in found.values() if state.settle_time is None]
        if not known:
            return []
        whole = [state for state in known if not _is_partial(state)]
        refolded = await _refold(work, tenant_id, [state for state in known if _is_partial(state)], now)
        states = [*whole, *refolded]
        published = {}
        for state in states:
            key = (state.station_id, state.transaction_id)
            published[key] = _settle(work, state, settlement or _by_time(state), now)
        anew = {(state.station_id, state.transaction_id) for state in refolded}
        for key, total in (await self._costs.reckon(work, tenant_id, states, anew=anew)).totals.items():
            put_cost(published[key], total)
        await repository.save(states)
        return states


def _is_partial(state: TransactionState) -> bool:
    """Return whether a transaction has deferred events, or gets no end and has no energy.

    The latter may have nothing but its first reading, of which the energy is not known, and MeterValues of its EVSE.
    """
    return state.refold_due_time is not None or (state.end_time is None and not state.energy_wh)


async def _refold(
    work: UnitOfWork, tenant_id: str, states: Sequence[TransactionState], now: datetime
) -> list[TransactionState]:
    """Return transactions with all of their events folded, because their costs become final."""
    for state in states:
        state.settle_time = now
    snapshots = await read_snapshots(work, tenant_id, states)
    found = [adopt(state, snapshot) or state for state, snapshot in zip(states, snapshots, strict=True)]
    for state in found:
        state.refold_due_time = None
    return found


def _by_time(state: TransactionState) -> int:
    if state.end_time is not None and state.missing == 0:
        return cost_pb.SETTLEMENT_COMPLETE
    if state.end_time is not None:
        return cost_pb.SETTLEMENT_TIMED_OUT
    if state.over_time is not None:
        return cost_pb.SETTLEMENT_OVER
    # Closed by an earlier version without a settle time, or reopened and without an event since.
    return cost_pb.SETTLEMENT_FORGOTTEN if state.closed_time is not None else cost_pb.SETTLEMENT_TIMED_OUT


def _settle(work: UnitOfWork, state: TransactionState, settlement: int, now: datetime) -> Sequence[Event]:
    is_open = state.end_time is None and state.closed_time is None
    state.settle_time, state.settlement, state.settle_due_time, state.update_time = now, settlement, None, now
    if is_open:
        state.closed_time = now
    summary = summary_of(state, state.last_seq_no)
    found = []
    if is_open:
        body = TransactionClosed(transaction=summary)
        found.append(Event(tenant_id=state.tenant_id, station_id=state.station_id, transaction_closed=body))
    said = Settlement.ValueType(settlement)
    settled = TransactionSettled(transaction=summary, settlement=said, missing_events=state.missing)
    found.append(Event(tenant_id=state.tenant_id, station_id=state.station_id, transaction_settled=settled))
    for event in found:
        work.emit(event)
    return found
