"""The rules of settling a transaction by its events, and of reopening it."""

from datetime import datetime, timedelta

from citrine.api.v1.tariff_and_cost_pb2 import SETTLEMENT_COMPLETE
from citrine.events.v1.events_pb2 import Event, TransactionReopened
from citrine_core.blocks.transactions.fold import TransactionState
from citrine_core.blocks.transactions.summaries import summary_of

__all__ = ["reopen", "settle_by_events"]


def settle_by_events(state: TransactionState, now: datetime, wait: timedelta | None) -> bool:
    """Settle a transaction that is complete; return whether it has its end and lacks other events.

    Args:
        state: The state with the new events.
        now: The time.
        wait: How long missing events may take. None: for ever.
    """
    if state.end_time is None:
        # A station that reports on a transaction says that it continues, whatever was concluded before.
        state.settle_due_time = None
        return False
    if state.missing == 0:
        state.settle_time, state.settlement, state.settle_due_time = now, int(SETTLEMENT_COMPLETE), None
        return False
    if state.settle_due_time is None and wait is not None:
        state.settle_due_time = now + wait
    return True


def reopen(state: TransactionState, reason: int, author: str = "") -> Event:
    """Reopen a settled transaction; return the event for subscribers.

    Args:
        state: The transaction.
        reason: citrine.api.v1.CostCorrection.Reason of its cost once it is settled again.
        author: Author of the request. Empty: its station, by an event.
    """
    state.settle_time = state.settlement = None
    state.reopening = reason
    if state.end_time is None:
        state.closed_time = None
    body = TransactionReopened(transaction=summary_of(state, state.last_seq_no), requested_by=author)
    return Event(tenant_id=state.tenant_id, station_id=state.station_id, transaction_reopened=body)
