"""Queries of functional block N."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.diagnostics.models import StationEvent

__all__ = ["StationEventRepository"]


class StationEventRepository:
    """Events that stations reported."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store events, at least one."""
        await (await self._session.connection()).execute(
            insert(StationEvent.metadata.tables["station_events"]), list(rows)
        )

    async def list(self, tenant_id: str, *, station_id: str, after: int | None, limit: int) -> Sequence[StationEvent]:
        """Return events, the latest stored first; of all stations where none is named."""
        query = select(StationEvent).where(StationEvent.tenant_id == tenant_id)
        if station_id:
            query = query.where(StationEvent.station_id == station_id)
        if after is not None:
            query = query.where(StationEvent.id < after)
        return (await self._session.scalars(query.order_by(StationEvent.id.desc()).limit(limit))).all()
