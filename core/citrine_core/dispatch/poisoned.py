"""Poisoned messages: stored, and read again."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.edge.v1.link_pb2 import StationCall, StationSend
from citrine_core.db import ANY_TIME, Listed, Page, Span
from citrine_core.db.numbered import get_numbered
from citrine_core.dispatch.calls import Call
from citrine_core.dispatch.lanes import Item, to_call
from citrine_core.dispatch.models import PoisonedMessage

__all__ = ["PoisonedMessages", "call_of", "content_of", "is_call"]

_ID_OF_CALL = b"\x08"
"""What a StationCall begins with, in which the first field is a number; that of a StationSend is a message."""


class PoisonedMessages:
    """Messages that failed by themselves, within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, tenant_id: str, station_id: str, kind: str, content: bytes, error: str, time: datetime) -> None:
        """Store a message that could not be handled."""
        self._session.add(
            PoisonedMessage(
                tenant_id=tenant_id,
                station_id=station_id,
                kind=kind,
                content=content,
                error=_storable(error),
                create_time=time,
            )
        )

    async def get(self, tenant_id: str, message_id: str, *, for_update: bool = False) -> PoisonedMessage:
        """Return a message, locked until the commit if it is to be changed.

        Raises:
            NotFound: When there is none of this id.
        """
        return await get_numbered(
            self._session, PoisonedMessage, "poisoned message", tenant_id, message_id, for_update=for_update
        )

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        action: str = "",
        created: Span = ANY_TIME,
    ) -> Listed[PoisonedMessage]:
        """Return messages, the latest first."""
        row = PoisonedMessage
        query = select(row).where(row.tenant_id == tenant_id, *created.of(row.create_time))
        if station_id:
            query = query.where(row.station_id == station_id)
        if action:
            query = query.where(row.kind == action)
        return await page.read(self._session, query, row.id, descending=True)

    async def fail_again(self, row: PoisonedMessage, error: str) -> None:
        """Store why a message failed the last time."""
        row.error = _storable(error)

    async def remove(self, row: PoisonedMessage) -> None:
        """Remove a message."""
        await self._session.delete(row)


def call_of(row: PoisonedMessage) -> Call[Any]:
    """Return the call of a message, for handlers."""
    return to_call(Item(row.tenant_id, row.station_id, content_of(row), lambda _: None))


def content_of(row: PoisonedMessage) -> StationCall | StationSend:
    """Return what the edge sent."""
    kind = StationCall if is_call(row.content) else StationSend
    return kind.FromString(row.content)


def is_call(content: bytes) -> bool:
    """Return whether the stored content of a message is a StationCall; else it is a StationSend."""
    return content.startswith(_ID_OF_CALL)


def _storable(error: str) -> str:
    # The error may quote what the station said, of which PostgreSQL can't hold everything as text.
    return error.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
