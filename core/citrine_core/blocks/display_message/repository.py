"""Queries of functional block O."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.display_message_pb2 import DisplayMessageState
from citrine_core.blocks.display_message.models import DisplayMessage
from citrine_core.blocks.transactions.queries import has_ended
from citrine_core.db import Listed, Page, UnitOfWork, one_of
from citrine_core.resources.stations.queries import lock_station

__all__ = ["DisplayMessageRepository", "forget_display_messages"]

_REQUESTED = DisplayMessageState.DISPLAY_MESSAGE_STATE_REQUESTED
_SET = DisplayMessageState.DISPLAY_MESSAGE_STATE_SET

_LARGEST_ID = 2**31 - 1


class DisplayMessageRepository:
    """Display messages of all tenants."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_station(self, tenant_id: str, station_id: str) -> bool:
        """Let nobody else set a message of a station until the commit; return False where there is no such station."""
        return await lock_station(self._session, tenant_id, station_id)

    async def next_id(self, tenant_id: str, station_id: str) -> int:
        """Return an id that no message of the station has or had, as far as we know. Its lock must be held."""
        of_station = (DisplayMessage.tenant_id == tenant_id, DisplayMessage.station_id == station_id)
        largest = (await self._session.scalars(select(func.max(DisplayMessage.message_id)).where(*of_station))).one()
        if largest is None or largest < _LARGEST_ID:
            return (largest or 0) + 1
        # Somebody chose the largest there is: the first one behind which there is room.
        follower = DisplayMessage.__table__.alias()
        taken = exists().where(
            follower.c.tenant_id == tenant_id,
            follower.c.station_id == station_id,
            follower.c.message_id == DisplayMessage.message_id + 1,
        )
        free = select(func.min(DisplayMessage.message_id)).where(
            *of_station, DisplayMessage.message_id < _LARGEST_ID, ~taken
        )
        return ((await self._session.scalars(free)).one() or 0) + 1

    async def find_live_for_update(
        self, tenant_id: str, station_ids: Collection[str]
    ) -> dict[str, list[DisplayMessage]]:
        """Return, by station, what stations hold, may hold or are being sent, the latest first.

        Others are kept from changing them until the commit.
        """
        found: dict[str, list[DisplayMessage]] = {station_id: [] for station_id in station_ids}
        rows = await self._session.scalars(
            select(DisplayMessage)
            .where(
                DisplayMessage.tenant_id == tenant_id,
                one_of(self._session, DisplayMessage.station_id, station_ids),
                DisplayMessage.state.in_((_REQUESTED, _SET)) | DisplayMessage.is_doubtful,
            )
            # In one order everywhere, so that two that lock can't wait for each other.
            .order_by(DisplayMessage.id.desc())
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        for row in rows:
            found[row.station_id].append(row)
        return found

    async def is_requested(self, tenant_id: str, station_id: str, message_id: int) -> bool:
        """Tell whether a message of an id is on its way to a station. Locks nothing: who asks holds the station."""
        rows = await self._session.scalars(
            select(DisplayMessage.id).where(
                DisplayMessage.tenant_id == tenant_id,
                DisplayMessage.station_id == station_id,
                DisplayMessage.message_id == message_id,
                DisplayMessage.state == _REQUESTED,
            )
        )
        return rows.first() is not None

    def add(self, row: DisplayMessage) -> None:
        """Store a new message with the unit of work."""
        self._session.add(row)

    async def flush(self) -> None:
        """Write what was changed so far, before what is changed next."""
        await self._session.flush()

    async def find(
        self, tenant_id: str, station_id: str, message_id: int, *, latest: bool = False
    ) -> DisplayMessage | None:
        """Return the message of an id that the station holds, else the latest; with latest: the latest."""
        query = select(DisplayMessage).where(
            DisplayMessage.tenant_id == tenant_id,
            DisplayMessage.station_id == station_id,
            DisplayMessage.message_id == message_id,
        )
        if not latest:
            query = query.order_by(case((DisplayMessage.state == _SET, 0), else_=1))
        return (await self._session.scalars(query.order_by(DisplayMessage.id.desc()).limit(1))).one_or_none()

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        state: int = 0,
        transaction_id: str = "",
        priority: int | None = None,
        shown_in: int | None = None,
    ) -> Listed[DisplayMessage]:
        """Return messages, the latest first."""
        query = select(DisplayMessage).where(DisplayMessage.tenant_id == tenant_id)
        if station_id:
            query = query.where(DisplayMessage.station_id == station_id)
        if state:
            query = query.where(DisplayMessage.state == state)
        if transaction_id:
            query = query.where(DisplayMessage.transaction_id == transaction_id)
        if priority is not None:
            query = query.where(DisplayMessage.priority == priority)
        if shown_in is not None:
            query = query.where(DisplayMessage.shown_in == shown_in)
        return await page.read(self._session, query, DisplayMessage.id, descending=True)

    async def take_ended(self, now: datetime, limit: int) -> Sequence[DisplayMessage]:
        """Return messages that stations hold and whose end time passed; another core's are left to it."""
        return await self._take(DisplayMessage.state == _SET, DisplayMessage.end_time <= now, limit=limit)

    async def take_of_ended_transactions(self, limit: int) -> Sequence[DisplayMessage]:
        """Return messages that stations hold for a transaction that ended."""
        ended = has_ended(DisplayMessage.tenant_id, DisplayMessage.station_id, DisplayMessage.transaction_id)
        return await self._take(DisplayMessage.state == _SET, DisplayMessage.transaction_id != "", ended, limit=limit)

    async def take_unanswered(self, now: datetime, limit: int) -> Sequence[DisplayMessage]:
        """Return messages that were sent so long ago that the end of their command should be known."""
        return await self._take(DisplayMessage.state == _REQUESTED, DisplayMessage.deadline_time <= now, limit=limit)

    async def _take(self, *conditions: Any, limit: int) -> Sequence[DisplayMessage]:
        rows = await self._session.scalars(
            select(DisplayMessage)
            .where(*conditions)
            .order_by(DisplayMessage.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=DisplayMessage)
        )
        return rows.all()


async def forget_display_messages(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the display messages of a station."""
    await work.session.execute(
        delete(DisplayMessage).where(DisplayMessage.tenant_id == tenant_id, DisplayMessage.station_id == station_id)
    )
