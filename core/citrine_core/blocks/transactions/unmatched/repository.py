"""Queries of ends of transactions that are not known."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.transactions.unmatched.models import UnmatchedEnd
from citrine_core.db import ANY_TIME, Listed, Page, Span, UnitOfWork
from citrine_core.db.bulk import BulkInsert
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["UnmatchedEndRepository", "UnmatchedEndRow", "forget_unmatched"]


class UnmatchedEndRow(NamedTuple):
    """A row of `unmatched_ends`."""

    tenant_id: str
    station_id: str
    digest: int
    receive_time: datetime
    transaction_id: str
    request: bytes


_ENDS = UnmatchedEnd.metadata.tables["unmatched_ends"]

_ADD = BulkInsert(
    _ENDS,
    UnmatchedEndRow._fields,
    ignore=True,
    returning=("station_id", "digest"),
)


class UnmatchedEndRepository:
    """Ends of transactions that are not known."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, rows: Sequence[UnmatchedEndRow]) -> set[tuple[str, int]]:
        """Store ends; return station and digest of those that were not stored before."""
        # Sorted, so that two cores can't deadlock.
        return {(station_id, digest) for station_id, digest in await _ADD.fetch(self._session, sorted(rows))}

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        received: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[UnmatchedEnd]:
        """Return ends, of a station or of all, the latest first."""
        end = UnmatchedEnd
        query = select(end).where(end.tenant_id == tenant_id, *received.of(end.receive_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, end.station_id, stations))
        if station_id:
            query = query.where(end.station_id == station_id)
        return await page.read(self._session, query, end.receive_time, end.station_id, end.digest, descending=True)

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Delete at most so many old ends; return False if there were none."""
        key = _ENDS.primary_key.columns
        old = select(*key).where(_ENDS.c.receive_time < time).limit(limit)
        result = await (await self._session.connection()).execute(delete(_ENDS).where(tuple_(*key).in_(old)))
        return result.rowcount > 0


async def forget_unmatched(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the ends of a station."""
    await work.session.execute(
        delete(UnmatchedEnd).where(UnmatchedEnd.tenant_id == tenant_id, UnmatchedEnd.station_id == station_id)
    )
