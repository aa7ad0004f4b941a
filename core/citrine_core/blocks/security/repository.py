"""Queries of functional block A."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.security.models import SecurityEvent
from citrine_core.db import ANY_TIME, Listed, Page, Span
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.numbered import get_numbered
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["SecurityEventRepository"]

_ADD = BulkInsert(SecurityEvent.metadata.tables["security_events"])


class SecurityEventRepository:
    """Reads and writes the security events of stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store security events; `rows` must not be empty."""
        await _ADD.execute_mappings(self._session, rows)

    async def get(self, tenant_id: str, number: str) -> SecurityEvent:
        """Return one of them.

        Raises:
            NotFound: When there is none of this number.
        """
        return await get_numbered(self._session, SecurityEvent, "security event", tenant_id, number)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        kind: str = "",
        times: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[SecurityEvent]:
        """Return security events, the latest stored first; by the time that their stations gave if that is bounded.

        Args:
            tenant_id: Tenant of the stations.
            page: Page to return.
            station_id: Only of this station. Empty: of all.
            kind: Only of this type. Empty: of all.
            times: Only of this time.
            stations: Only of these stations. None: of all.
        """
        row = SecurityEvent
        query = select(row).where(row.tenant_id == tenant_id, *times.of(row.event_time))
        if station_id:
            query = query.where(row.station_id == station_id)
        if kind:
            query = query.where(row.type == kind)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, row.station_id, stations))
        key = (row.event_time, row.id) if times.is_bounded else (row.id,)
        return await page.read(self._session, query, *key, descending=True)
