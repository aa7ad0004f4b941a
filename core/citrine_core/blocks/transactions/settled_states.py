"""Which of the transactions that are written were settled just now: their charge records are due."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from citrine_core.blocks.transactions.fold import TransactionState
from citrine_core.resources.charge_records import DueRecord

__all__ = ["due_records"]


def due_records(
    states: Iterable[TransactionState],
    before: Mapping[tuple[str, str], Sequence[Any]],
    settle_place: int,
    refold_place: int,
) -> list[DueRecord]:
    """Return the charge records that are due because transactions were settled, and have no events or price deferred.

    Args:
        states: Transactions as they are written.
        before: Columns of those that were stored, by station and transaction.
        settle_place: Place of `settle_time` among these columns.
        refold_place: Place of `refold_due_time` among these columns.
    """
    due = []
    for state in states:
        if state.settle_time is None or state.refold_due_time is not None:
            continue
        stored = before.get((state.station_id, state.transaction_id))
        # One that is reopened and settled again at once was settled before, too.
        if stored is None or stored[settle_place] != state.settle_time or stored[refold_place] is not None:
            due.append(DueRecord(state.tenant_id, state.station_id, state.transaction_id, 0, state.settle_time))
    return due
