"""When a transaction is settled by its events, and what it means to open it again."""

from datetime import datetime, timedelta

from citrine.api.v1.tariff_and_cost_pb2 import SETTLEMENT_COMPLETE
from citrine.events.v1.events_pb2 import Event, TransactionReopened
from citrine_core.blocks.transactions.fold import TransactionState
from citrine_core.blocks.transactions.summaries import summary_of

__all__ = ["reopen", "settle_by_events"]


def settle_by_events(state: TransactionState, now: datetime, wait: timedelta | None) -> bool:
    """Settle a transaction that has its end and all events, and return whether it has its end but not all events.

    Args:
        state: With the new events.
        now: The time.
        wait: How long missing events may take. None: for ever.
    """
    if state.end_time is None:
        # Whoever reports on it says that it goes on, whatever was concluded before.
        state.settle_due_time = None
        return False
    if state.missing == 0:
        state.settle_time, state.settlement, state.settle_due_time = now, int(SETTLEMENT_COMPLETE), None
        return False
    if state.settle_due_time is None and wait is not None:
        state.settle_due_time = now + wait
    return True


def reopen(state: TransactionState, reason: int, author: str = "") -> Event:
    """Have a settled transaction take in events again, and return what subscribers are told.

    Args:
        state: The transaction.
        reason: citrine.api.v1.CostCorrection.Reason of what it costs once it is settled again.
        author: Who wants it. Empty: its station, by an event.
    """
    state.settle_time = state.settlement = None
    state.reopening = reason
    if state.end_time is None:
        state.closed_time = None
    body = TransactionReopened(transaction=summary_of(state, state.last_seq_no), author=author)
    return Event(tenant_id=state.tenant_id, station_id=state.station_id, transaction_reopened=body)
