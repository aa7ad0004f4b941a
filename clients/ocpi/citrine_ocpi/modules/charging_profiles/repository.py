"""What is asked of the table of sessions with profiles of partners, and written to it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.db.inserts import insert_missing
from citrine_ocpi.modules.charging_profiles.tables import ProfiledSessionRow
from citrine_ocpi.published import PublishedRepository
from citrine_ocpi.transport import Version

__all__ = ["ProfiledSessionRepository"]

RETENTION = timedelta(days=30)
"""After which a session is taken to be over, whatever was heard of it."""


class ProfiledSessionRepository:
    """The table of sessions with profiles of partners within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: dict[str, Any], now: datetime) -> None:
        """Store that a partner set a profile for a session, and remove what is too old."""
        old = ProfiledSessionRow.create_time < now - RETENTION
        await self._session.execute(delete(ProfiledSessionRow).where(old))
        values = {**row, "revision": 0, "attempts": 0, "due_time": None, "sent_limit": "", "create_time": now}
        await insert_missing(self._session, ProfiledSessionRow, [values], [ProfiledSessionRow.session_id])

    async def forget_sent_limit(self, partner_id: str, session_id: str) -> None:
        """Store that a partner was not told the plan of a session."""
        key = (ProfiledSessionRow.partner_id == partner_id, ProfiledSessionRow.session_id == session_id)
        await self._session.execute(update(ProfiledSessionRow).where(*key).values(sent_limit=""))

    async def is_over(self, session_id: str) -> bool:
        """Return whether the session of partners that a row is of has ended, or is known no more."""
        row = await PublishedRepository(self._session).find_exact("sessions", session_id)
        return row is None or "end_date_time" in row.bodies[Version.V2_3_0]

    async def delete_over(self) -> None:
        """Forget the sessions that are over, whose end was not heard of."""
        key = (ProfiledSessionRow.partner_id, ProfiledSessionRow.session_id)
        for row in (await self._session.scalars(select(ProfiledSessionRow).order_by(*key).with_for_update())).all():
            if await self.is_over(row.session_id):
                await self._session.delete(row)
        await self._session.flush()

    async def at(self, station_ids: Collection[str]) -> Sequence[ProfiledSessionRow]:
        """Return the sessions at stations, locked until the end of the transaction."""
        there = ProfiledSessionRow.station_id.in_(station_ids)
        key = (ProfiledSessionRow.partner_id, ProfiledSessionRow.session_id)
        query = select(ProfiledSessionRow).where(there).order_by(*key).with_for_update()
        return (await self._session.scalars(query)).all()

    async def touch_all(self, now: datetime) -> None:
        """Have all stations be asked: nobody knows what changed."""
        changed = update(ProfiledSessionRow).values(due_time=now, attempts=0, revision=ProfiledSessionRow.revision + 1)
        await self._session.execute(changed.execution_options(synchronize_session=False))

    async def claim(self, now: datetime, until: datetime, limit: int) -> Sequence[ProfiledSessionRow]:
        """Return sessions whose station is to be asked, and let nobody else ask until a time."""
        due = select(ProfiledSessionRow).where(ProfiledSessionRow.due_time <= now)
        due = due.order_by(ProfiledSessionRow.due_time).limit(limit)
        rows = (await self._session.scalars(due.with_for_update(skip_locked=True))).all()
        for row in rows:
            row.due_time = until
        return rows

    async def lock(self, partner_id: str, session_id: str) -> ProfiledSessionRow | None:
        """Return a session, locked until the end of the transaction."""
        return await self._session.get(ProfiledSessionRow, (partner_id, session_id), with_for_update=True)

    async def delete(self, row: ProfiledSessionRow) -> None:
        """Forget a session that is over."""
        await self._session.delete(row)
