"""Queries of external limits and capacities."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.smart_charging.models import Capacity, ExternalLimit
from citrine_core.db import ANY_TIME, Listed, Page, Span
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["LimitRepository"]


class LimitRepository:
    """Reads and writes external limits and capacities within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: ExternalLimit) -> None:
        """Store a new external limit."""
        self._session.add(row)

    async def find_in_force(self, tenant_id: str, station_id: str) -> Sequence[ExternalLimit]:
        """Return the external limits that apply to a station now."""
        row = ExternalLimit
        query = select(row).where(row.tenant_id == tenant_id, row.station_id == station_id, row.clear_time.is_(None))
        return (await self._session.scalars(query.order_by(row.id))).all()

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        in_force_only: bool,
        was_set: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[ExternalLimit]:
        """Return external limits, the latest first."""
        row = ExternalLimit
        query = select(row).where(row.tenant_id == tenant_id, *was_set.of(row.set_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, ExternalLimit.station_id, stations))
        if station_id:
            query = query.where(ExternalLimit.station_id == station_id)
        if in_force_only:
            query = query.where(ExternalLimit.clear_time.is_(None))
        key = (row.set_time, row.id) if was_set.is_bounded else (row.id,)
        return await page.read(self._session, query, *key, descending=True)

    async def put_capacity(self, row: Capacity) -> None:
        """Store a capacity; it replaces the stored one of its EVSE."""
        await self._session.merge(row)

    async def capacities_of(self, tenant_id: str, station_id: str) -> Sequence[Capacity]:
        """Return the capacities of a station and its EVSEs."""
        query = select(Capacity).where(Capacity.tenant_id == tenant_id, Capacity.station_id == station_id)
        return (await self._session.scalars(query)).all()

    async def list_capacities(
        self, tenant_id: str, page: Page, *, station_id: str, stations: StationSelector | None = None
    ) -> Listed[Capacity]:
        """Return capacities, by station and EVSE."""
        query = select(Capacity).where(Capacity.tenant_id == tenant_id)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, Capacity.station_id, stations))
        if station_id:
            query = query.where(Capacity.station_id == station_id)
        return await page.read(self._session, query, Capacity.station_id, Capacity.evse_id)

    async def remove_capacity(self, tenant_id: str, station_id: str, evse_id: int) -> bool:
        """Remove a capacity; return False if there is none."""
        found = await self._session.get(Capacity, (tenant_id, station_id, evse_id))
        if found is not None:
            await self._session.delete(found)
        return found is not None
