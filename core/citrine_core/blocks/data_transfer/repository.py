"""Queries of functional block P."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.data_transfer.models import CustomMessage, DataTransfer
from citrine_core.db import ANY_TIME, Listed, Page, Span, UnitOfWork
from citrine_core.db.bulk import BulkInsert, BulkUpsert
from citrine_core.db.numbered import get_numbered
from citrine_core.resources.stations.selection import stations_selected

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

    async def get(self, tenant_id: str, number: str) -> DataTransfer:
        """Return one of them.

        Raises:
            NotFound: When there is none of this number.
        """
        return await get_numbered(self._session, DataTransfer, "data transfer", tenant_id, number)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        vendor_id: str = "",
        message_id: str = "",
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[DataTransfer]:
        """Return DataTransfers, the latest stored first; a filter that is empty or None matches all."""
        row = DataTransfer
        query = select(row).where(row.tenant_id == tenant_id, *created.of(row.create_time))
        for column, value in (
            (row.station_id, station_id),
            (row.vendor_id, vendor_id),
            (row.message_id, message_id),
        ):
            if value:
                query = query.where(column == value)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, row.station_id, stations))
        key = (row.create_time, row.id) if created.is_bounded else (row.id,)
        return await page.read(self._session, query, *key, descending=True)


class CustomMessageRepository:
    """Reads and writes messages with customData within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store messages; if one is stored already, only its receive_time is updated."""
        await _PUT.execute_mappings(self._session, rows)

    async def get(self, tenant_id: str, number: str) -> CustomMessage:
        """Return one of them.

        Raises:
            NotFound: When there is none of this number.
        """
        return await get_numbered(self._session, CustomMessage, "custom message", tenant_id, number)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        action: str = "",
        received: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[CustomMessage]:
        """Return messages, the latest stored first; by the time at which they came last if that is bounded."""
        row = CustomMessage
        query = select(row).where(row.tenant_id == tenant_id, *received.of(row.receive_time))
        if station_id:
            query = query.where(row.station_id == station_id)
        if action:
            query = query.where(row.action == action)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, row.station_id, stations))
        key = (row.receive_time, row.id) if received.is_bounded else (row.id,)
        return await page.read(self._session, query, *key, descending=True)

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
