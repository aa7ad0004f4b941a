"""Queries of upgrades to a higher security profile."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.security.profile_upgrades.models import SecurityProfileUpgradeRow
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span, ids_made_in
from citrine_core.errors import NotFound
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["ProfileUpgradeRepository"]


class ProfileUpgradeRepository:
    """Reads and writes upgrades within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: SecurityProfileUpgradeRow) -> None:
        """Store a new upgrade."""
        self._session.add(row)

    async def get(self, tenant_id: str, upgrade_id: str, *, for_update: bool = False) -> SecurityProfileUpgradeRow:
        """Return an upgrade.

        Raises:
            NotFound: When there is none of this id.
        """
        key = (tenant_id, upgrade_id)
        found = await self._session.get(SecurityProfileUpgradeRow, key, with_for_update=for_update or None)
        if found is None:
            raise NotFound("security profile upgrade", upgrade_id)
        return found

    async def is_under_way(self, tenant_id: str, station_id: str) -> bool:
        """Return whether a station has an upgrade that has not ended."""
        row = SecurityProfileUpgradeRow
        found = await self._session.scalar(
            select(row.upgrade_id).where(
                row.tenant_id == tenant_id, row.station_id == station_id, row.next_time.is_not(None)
            )
        )
        return found is not None

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        state: int,
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[SecurityProfileUpgradeRow]:
        """Return upgrades, the latest first. A filter that is empty or 0 matches all."""
        query = select(SecurityProfileUpgradeRow).where(SecurityProfileUpgradeRow.tenant_id == tenant_id)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, SecurityProfileUpgradeRow.station_id, stations))
        if station_id:
            query = query.where(SecurityProfileUpgradeRow.station_id == station_id)
        if state:
            query = query.where(SecurityProfileUpgradeRow.state == state)
        query = query.where(*ids_made_in(SecurityProfileUpgradeRow.upgrade_id, created))
        return await page.read(self._session, query, SecurityProfileUpgradeRow.upgrade_id, descending=True)

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which an upgrade is next looked at."""
        row = SecurityProfileUpgradeRow
        return select(func.min(row.next_time)).where(row.next_time.is_not(None))

    async def find_due(self, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """Return tenant and id of upgrades to look at."""
        row = SecurityProfileUpgradeRow
        rows = await self._session.execute(
            select(row.tenant_id, row.upgrade_id).where(row.next_time <= now).order_by(row.next_time).limit(limit)
        )
        return [(found.tenant_id, found.upgrade_id) for found in rows]

    async def postpone(self, tenant_id: str, upgrade_id: str, now: datetime, until: datetime) -> None:
        """Have an upgrade be due later, if it is due."""
        row = SecurityProfileUpgradeRow
        await self._session.execute(
            update(row)
            .where(row.tenant_id == tenant_id, row.upgrade_id == upgrade_id, row.next_time <= now)
            .values(next_time=until),
            execution_options={"synchronize_session": False},
        )

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove the upgrades of a station."""
        row = SecurityProfileUpgradeRow
        await self._session.execute(delete(row).where(row.tenant_id == tenant_id, row.station_id == station_id))
