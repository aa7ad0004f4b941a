"""Queries of due refolds, and claims on them."""

from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.transactions.models import Transaction
from citrine_core.blocks.transactions.repository import TransactionKey
from citrine_core.db import Due

__all__ = ["ClaimedRefold", "DueRefold", "RefoldClaims"]

_COLUMNS = Transaction.metadata.tables["transactions"].c

LEASE = timedelta(minutes=1)
"""Time after which another core may claim a refold that was not finished."""

MOST_STATIONS = 100
"""Largest number of stations in one query of due refolds."""


class DueRefold(NamedTuple):
    """A transaction that is due for a refold."""

    tenant_id: str
    station_id: str
    transaction_id: str
    due_time: datetime


class ClaimedRefold(NamedTuple):
    """A transaction whose refold this core has claimed."""

    tenant_id: str
    key: TransactionKey
    until: datetime
    """End of the claim, as stored in the transaction unless another core refolded it."""


class RefoldClaims:
    """Due refolds, and claims on them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which a transaction is next to be refolded."""
        return select(func.min(_COLUMNS.refold_due_time)).where(_COLUMNS.refold_due_time.is_not(None))

    async def find_due(self, now: datetime) -> list[DueRefold]:
        """Return due refolds: the oldest one of each station, so that no station waits for another."""
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
        """Claim a due refold for this core; None if another core was first."""
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
