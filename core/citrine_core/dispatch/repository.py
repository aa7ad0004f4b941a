"""Queries of the dispatcher."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.bulk import BulkInsert
from citrine_core.db.one_of_keys import one_of_keys
from citrine_core.dispatch.models import HandledMessage, PoisonedMessage

__all__ = ["HandledMessages", "keep_poisoned"]

Key = tuple[str, str]
"""Station and digest of the business key."""

_ADD = BulkInsert(
    HandledMessage.metadata.tables["handled_messages"], ("tenant_id", "station_id", "digest", "reply", "handle_time")
)


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
        """Store replies to what was not handled before.

        Raises:
            IntegrityError: When another core handled one of the messages in the meantime. It is not ignored: then
                the message would have its effect twice. Done again, all find what that core stored.
        """
        # In one order everywhere, so that two cores don't wait for each other.
        rows = [(tenant_id, *key, reply, handle_time) for key, reply in sorted(replies.items())]
        await _ADD.execute(self._session, rows)

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Forget replies that no station will ask for again, at most so many; return False where there were none."""
        table = HandledMessage.metadata.tables["handled_messages"]
        key = table.primary_key.columns
        old = select(*key).where(table.c.handle_time < time).limit(limit)
        result = await (await self._session.connection()).execute(delete(table).where(tuple_(*key).in_(old)))
        return result.rowcount > 0


async def keep_poisoned(
    session: AsyncSession, tenant_id: str, station_id: str, kind: str, content: bytes, error: str, time: datetime
) -> None:
    """Store a message that nobody could handle."""
    session.add(
        PoisonedMessage(
            tenant_id=tenant_id, station_id=station_id, kind=kind, content=content, error=error, create_time=time
        )
    )
