"""Which of the transactions that are written were settled just now: their charge records are due."""

from collections.abc import Iterable, Mapping
from typing import Any

from citrine_core.blocks.transactions.fold import TransactionState
from citrine_core.resources.charge_records import DueRecord

__all__ = ["due_records"]


def due_records(
    states: Iterable[TransactionState], before: Mapping[tuple[str, str], tuple[Any, ...]], place: int
) -> list[DueRecord]:
    """Return the charge records that are due because transactions were settled.

    Args:
        states: Transactions as they are written.
        before: Columns of those that were stored, by station and transaction.
        place: Place of `settle_time` among these columns.
    """
    return [
        DueRecord(state.tenant_id, state.station_id, state.transaction_id, 0, state.settle_time)
        for state in states
        if state.settle_time is not None
        and ((stored := before.get((state.station_id, state.transaction_id))) is None or stored[place] is None)
    ]
