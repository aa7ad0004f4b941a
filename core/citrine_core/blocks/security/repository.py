"""Queries of functional block A."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.security.models import SecurityEvent

__all__ = ["SecurityEventRepository"]


class SecurityEventRepository:
    """Security events of stations."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store security events, at least one."""
        await (await self._session.connection()).execute(
            insert(SecurityEvent.metadata.tables["security_events"]), list(rows)
        )

    async def list(self, tenant_id: str, *, station_id: str, after: int | None, limit: int) -> Sequence[SecurityEvent]:
        """Return security events, the latest stored first; of all stations where none is named."""
        query = select(SecurityEvent).where(SecurityEvent.tenant_id == tenant_id)
        if station_id:
            query = query.where(SecurityEvent.station_id == station_id)
        if after is not None:
            query = query.where(SecurityEvent.id < after)
        return (await self._session.scalars(query.order_by(SecurityEvent.id.desc()).limit(limit))).all()
