"""What is asked of the table of feeds, and written to it."""

from datetime import datetime

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.db.inserts import insert_missing
from citrine_ocpi.feed.tables import FeedRow

__all__ = ["FeedRepository"]


class FeedRepository:
    """The table of feeds within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim(self, name: str, follower_id: str, now: datetime, until: datetime) -> FeedRow | None:
        """Return a feed that a process follows until a time. None: another one does."""
        row = {"name": name, "token": "", "follower_id": follower_id, "lease_time": until}
        await insert_missing(self._session, FeedRow, [row], [FeedRow.name])
        is_free = or_(FeedRow.follower_id == follower_id, FeedRow.lease_time <= now)
        claimed = update(FeedRow).where(FeedRow.name == name, is_free).values(follower_id=follower_id, lease_time=until)
        result = await self._session.execute(claimed)
        return await self._session.get(FeedRow, name) if getattr(result, "rowcount", 0) else None

    async def advance(self, name: str, follower_id: str, token: str, event_time: datetime | None) -> bool:
        """Store how far a feed was followed. Return False if another process follows it now."""
        values = {"token": token, **({} if event_time is None else {"event_time": event_time})}
        is_own = (FeedRow.name == name, FeedRow.follower_id == follower_id)
        result = await self._session.execute(update(FeedRow).where(*is_own).values(**values))
        return bool(getattr(result, "rowcount", 0))

    async def release(self, name: str, follower_id: str, now: datetime) -> None:
        """Have another process follow a feed at once."""
        is_own = (FeedRow.name == name, FeedRow.follower_id == follower_id)
        await self._session.execute(update(FeedRow).where(*is_own).values(lease_time=now))
