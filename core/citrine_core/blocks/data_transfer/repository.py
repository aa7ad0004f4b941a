"""Queries of functional block P."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.data_transfer.models import DataTransfer

__all__ = ["DataTransferRepository"]


class DataTransferRepository:
    """What vendors' stations sent."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Mapping[str, Any]) -> None:
        """Store one DataTransfer."""
        await (await self._session.connection()).execute(
            insert(DataTransfer.metadata.tables["data_transfers"]), [dict(row)]
        )

    async def list(self, tenant_id: str, *, station_id: str, after: int | None, limit: int) -> Sequence[DataTransfer]:
        """Return what stations sent, the latest stored first; of all stations where none is named."""
        query = select(DataTransfer).where(DataTransfer.tenant_id == tenant_id)
        if station_id:
            query = query.where(DataTransfer.station_id == station_id)
        if after is not None:
            query = query.where(DataTransfer.id < after)
        return (await self._session.scalars(query.order_by(DataTransfer.id.desc()).limit(limit))).all()
