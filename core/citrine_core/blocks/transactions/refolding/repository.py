"""Which core folds which transaction: queries of what is due."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.transactions.models import Transaction
from citrine_core.blocks.transactions.repository import TransactionKey

__all__ = ["ClaimedRefold", "DueRefold", "RefoldClaims"]

_COLUMNS = Transaction.metadata.tables["transactions"].c

LEASE = timedelta(minutes=1)
"""After it another core folds what the one that claimed it did not."""

MOST_STATIONS = 100
"""Stations of which a transaction is folded before it is looked again for what is due."""


class DueRefold(NamedTuple):
    """A transaction that is to be folded."""

    tenant_id: str
    station_id: str
    transaction_id: str
    due_time: datetime


class ClaimedRefold(NamedTuple):
    """A transaction that this core folds."""

    tenant_id: str
    key: TransactionKey
    until: datetime
    """When the claim ends; it stands in the transaction as long as nobody else folded it."""


class RefoldClaims:
    """What is to be folded."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_due(self, now: datetime) -> list[DueRefold]:
        """Return what is due now: of each station what has waited longest, so that none has to wait for another's."""
        station = (_COLUMNS.tenant_id, _COLUMNS.station_id)
        due = (
            select(
                *station,
                _COLUMNS.transaction_id,
                _COLUMNS.refold_due_time,
                func.row_number().over(partition_by=station, order_by=_COLUMNS.refold_due_time).label("place"),
            )
            .where(_COLUMNS.refold_due_time <= now)
            .subquery()
        )
        rows = await self._session.execute(
            select(*(column for column in due.c if column.name != "place"))
            .where(due.c.place == 1)
            .order_by(due.c.refold_due_time)
            .limit(MOST_STATIONS)
        )
        return [DueRefold(*row) for row in rows]

    async def claim(self, due: DueRefold, now: datetime) -> ClaimedRefold | None:
        """Claim what is due for this core; None where another one was first."""
        until = now + LEASE
        # mypy: the result of an update has a row count.
        result: CursorResult[object] = await self._session.execute(  # type: ignore[assignment]
            update(Transaction)
            .where(
                _COLUMNS.tenant_id == due.tenant_id,
                _COLUMNS.station_id == due.station_id,
                _COLUMNS.transaction_id == due.transaction_id,
                _COLUMNS.refold_due_time == due.due_time,
            )
            .values(refold_due_time=until)
        )
        return ClaimedRefold(due.tenant_id, (due.station_id, due.transaction_id), until) if result.rowcount else None
