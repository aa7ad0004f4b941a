"""Queries of functional block P."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.data_transfer.models import CustomMessage, DataTransfer
from citrine_core.db import Listed, Page, UnitOfWork
from citrine_core.db.bulk import BulkInsert, BulkUpsert

__all__ = ["CustomMessageRepository", "DataTransferRepository", "forget_custom_messages"]

_KEY = ("tenant_id", "station_id", "action", "content_key")

_ADD = BulkInsert(DataTransfer.metadata.tables["data_transfers"])
_PUT = BulkUpsert(CustomMessage.metadata.tables["custom_messages"], key=_KEY, preserve=("payload", "create_time"))


class DataTransferRepository:
    """Reads and writes DataTransfers within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Mapping[str, Any]) -> None:
        """Store one DataTransfer."""
        await _ADD.execute_mappings(self._session, [row])

    async def list(self, tenant_id: str, page: Page, *, station_id: str) -> Listed[DataTransfer]:
        """Return DataTransfers of a station (empty: all stations), the latest stored first."""
        query = select(DataTransfer).where(DataTransfer.tenant_id == tenant_id)
        if station_id:
            query = query.where(DataTransfer.station_id == station_id)
        return await page.read(self._session, query, DataTransfer.id, descending=True)


class CustomMessageRepository:
    """Reads and writes messages with customData within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store messages; if one is stored already, only its receive_time is updated."""
        await _PUT.execute_mappings(self._session, rows)

    async def list(self, tenant_id: str, page: Page, *, station_id: str, action: str) -> Listed[CustomMessage]:
        """Return messages of a station and an action (empty: all), the latest stored first."""
        query = select(CustomMessage).where(CustomMessage.tenant_id == tenant_id)
        if station_id:
            query = query.where(CustomMessage.station_id == station_id)
        if action:
            query = query.where(CustomMessage.action == action)
        return await page.read(self._session, query, CustomMessage.id, descending=True)

    async def remove_before(self, time: datetime, limit: int) -> int:
        """Remove at most `limit` messages that were last received before a time, and return their number."""
        oldest = select(CustomMessage.id).where(CustomMessage.receive_time < time).limit(limit)
        result = await self._session.execute(
            delete(CustomMessage).where(CustomMessage.id.in_(oldest)).execution_options(synchronize_session=False)
        )
        assert isinstance(result, CursorResult)
        return int(result.rowcount)


async def forget_custom_messages(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the messages with customData of a station."""
    await work.session.execute(
        delete(CustomMessage).where(CustomMessage.tenant_id == tenant_id, CustomMessage.station_id == station_id)
    )
