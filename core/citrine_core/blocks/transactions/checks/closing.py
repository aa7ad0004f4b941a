"""Closes transactions whose end nobody will ever tell."""

from datetime import datetime

from citrine.events.v1.events_pb2 import Event, TransactionClosed
from citrine_core.blocks.transactions.checks.repository import CheckRepository
from citrine_core.blocks.transactions.summaries import summary_of
from citrine_core.db import UnitOfWork

__all__ = ["close_transactions"]


async def close_transactions(
    work: UnitOfWork, tenant_id: str, station_id: str, now: datetime, *, transaction_id: str = ""
) -> int:
    """Close the open transactions of a station, or the one that is named, and return how many there were."""
    closed = await CheckRepository(work.session).close(tenant_id, station_id, transaction_id, now)
    for row in closed:
        body = TransactionClosed(transaction=summary_of(row, row.last_seq_no))
        work.emit(Event(tenant_id=tenant_id, station_id=station_id, transaction_closed=body))
    return len(closed)
