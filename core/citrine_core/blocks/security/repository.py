"""Queries of functional block A."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.security.models import SecurityEvent
from citrine_core.db import Listed, Page
from citrine_core.db.bulk import BulkInsert

__all__ = ["SecurityEventRepository"]

_ADD = BulkInsert(SecurityEvent.metadata.tables["security_events"])


class SecurityEventRepository:
    """Reads and writes the security events of stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store security events; `rows` must not be empty."""
        await _ADD.execute_mappings(self._session, rows)

    async def list(self, tenant_id: str, page: Page, *, station_id: str) -> Listed[SecurityEvent]:
        """Return security events of a station (empty: all stations), the latest stored first."""
        query = select(SecurityEvent).where(SecurityEvent.tenant_id == tenant_id)
        if station_id:
            query = query.where(SecurityEvent.station_id == station_id)
        return await page.read(self._session, query, SecurityEvent.id, descending=True)
