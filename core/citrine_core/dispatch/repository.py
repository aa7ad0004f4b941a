"""Queries of the dispatcher."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import insert_or_ignore
from citrine_core.db.one_of_keys import one_of_keys
from citrine_core.dispatch.models import HandledMessage, PoisonedMessage

__all__ = ["HandledMessages", "keep_poisoned"]

Key = tuple[str, str]
"""Station and digest of the business key."""


class HandledMessages:
    """Replies under the business key of what they answer."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(self, tenant_id: str, keys: Collection[Key]) -> dict[Key, bytes]:
        """Return the stored replies of these messages."""
        table = HandledMessage.__table__.c
        rows = await (await self._session.connection()).execute(
            select(table.station_id, table.digest, table.reply).where(
                table.tenant_id == tenant_id, one_of_keys((table.station_id, table.digest), keys)
            )
        )
        return {(station_id, digest): bytes(reply) for station_id, digest, reply in rows}

    async def add_all(self, tenant_id: str, replies: Mapping[Key, bytes], handle_time: datetime) -> None:
        """Store replies; of two of one key the first stays."""
        rows: list[dict[str, Any]] = [
            {
                "tenant_id": tenant_id,
                "station_id": station_id,
                "digest": digest,
                "reply": reply,
                "handle_time": handle_time,
            }
            for (station_id, digest), reply in replies.items()
        ]
        await insert_or_ignore(
            self._session,
            HandledMessage.metadata.tables["handled_messages"],
            rows,
            ("tenant_id", "station_id", "digest"),
        )

    async def remove_before(self, time: datetime) -> None:
        """Forget replies that no station will ask for again."""
        await self._session.execute(delete(HandledMessage).where(HandledMessage.handle_time < time))


async def keep_poisoned(
    session: AsyncSession, tenant_id: str, station_id: str, kind: str, content: bytes, error: str, time: datetime
) -> None:
    """Store a message that nobody could handle."""
    session.add(
        PoisonedMessage(
            tenant_id=tenant_id, station_id=station_id, kind=kind, content=content, error=error, create_time=time
        )
    )
