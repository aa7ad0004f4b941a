"""Common queries of all kinds of requests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import case, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from citrine_core.db import Due, UnitOfWork
from citrine_core.errors import FailedPrecondition, NotFound
from citrine_core.resources.station_requests.columns import StationRequest
from citrine_core.resources.stations.queries import lock_station

__all__ = ["StationRequestRepository"]

Request = TypeVar("Request", bound=StationRequest)

_LARGEST_ID = 2**31 - 1


class StationRequestRepository(Generic[Request]):
    """Requests of one kind, of all tenants."""

    table: type[Request]
    """Table of the kind."""
    number: str
    """Name of the column with its id at the station."""
    requested: int
    """State before the station's answer."""
    active: int
    """State in which the station has the object; at most one per id."""
    name: str
    """Name of the kind, for people."""
    asking: str
    """What is under way at a station that has not answered, for people: "being sent message"."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._number = getattr(self.table, self.number)

    async def claim_id(self, tenant_id: str, station_id: str, number: int) -> int:
        """Return the id for a new request, and lock the station against other requests until the commit.

        Args:
            tenant_id: Tenant of the station.
            station_id: The station.
            number: The requested id. 0: an unused one is chosen.

        Raises:
            NotFound: When there is no such station.
            FailedPrecondition: When a request with this id is unanswered: the answers would be ambiguous.
        """
        if not await lock_station(self._session, tenant_id, station_id):
            raise NotFound("station", station_id)
        if not number:
            return await self._next_id(tenant_id, station_id)
        of_number = (*self._of(tenant_id, station_id), self._number == number, self.table.state == self.requested)
        if await self._session.scalar(select(exists().where(*of_number))):
            raise FailedPrecondition(f"the station is {self.asking} {number}")
        return number

    async def find(self, tenant_id: str, station_id: str, number: int, *, latest: bool = False) -> Request | None:
        """Return the active request of an id, else the latest; with latest: the latest."""
        query = select(self.table).where(*self._of(tenant_id, station_id), self._number == number)
        if not latest:
            query = query.order_by(case((self.table.state == self.active, 0), else_=1))
        return (await self._session.scalars(query.order_by(self.table.id.desc()).limit(1))).one_or_none()

    async def get(self, tenant_id: str, station_id: str, number: int, *, latest: bool = False) -> Request:
        """Return what `find` does.

        Raises:
            NotFound: When there is none.
        """
        row = await self.find(tenant_id, station_id, number, latest=latest)
        if row is None:
            raise NotFound(self.name, number)
        return row

    def add(self, row: Request) -> None:
        """Store a new request with the unit of work."""
        self._session.add(row)

    async def flush(self) -> None:
        """Write the changes so far before the next ones."""
        await self._session.flush()

    @classmethod
    def live_since(cls) -> Due:
        """Return the query of when any station was asked that has not answered, or holds what it was asked for."""
        live = cls.table.state.in_((cls.requested, cls.active))
        return select(cls.table.create_time).where(live).limit(1)

    async def any_live(self) -> bool:
        """Return whether any station was asked, or holds what it was asked for."""
        return await self._session.scalar(self.live_since()) is not None

    async def claim_unanswered(self, now: datetime, limit: int) -> Sequence[Request]:
        """Claim requests whose deadline passed without an answer."""
        unanswered = self.table.state == self.requested
        return await self._claim(unanswered, self.table.deadline_time <= now, limit=limit)

    @classmethod
    async def forget(cls, work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        """Remove the requests of a station."""
        table = cls.table
        await work.session.execute(delete(table).where(table.tenant_id == tenant_id, table.station_id == station_id))

    async def _next_id(self, tenant_id: str, station_id: str) -> int:
        of_station = self._of(tenant_id, station_id)
        largest = (await self._session.scalars(select(func.max(self._number)).where(*of_station))).one()
        if largest is None or largest < _LARGEST_ID:
            return (largest or 0) + 1
        # The largest id is in use: the first gap is chosen.
        follower: Any = aliased(self.table)
        in_use = exists().where(
            follower.tenant_id == tenant_id,
            follower.station_id == station_id,
            getattr(follower, self.number) == self._number + 1,
        )
        free = select(func.min(self._number)).where(*of_station, self._number < _LARGEST_ID, ~in_use)
        return ((await self._session.scalars(free)).one() or 0) + 1

    async def _lock(self, *conditions: Any) -> Sequence[Request]:
        """Return requests, the latest first, reread and locked until the commit."""
        rows = await self._session.scalars(
            select(self.table)
            .where(*conditions)
            # Sorted, so that two cores can't deadlock.
            .order_by(self.table.id.desc())
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return rows.all()

    async def _claim(self, *conditions: Any, limit: int) -> Sequence[Request]:
        """Claim requests, the oldest first; those that another core has locked are skipped."""
        rows = await self._session.scalars(
            select(self.table)
            .where(*conditions)
            .order_by(self.table.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=self.table)
        )
        return rows.all()

    def _of(self, tenant_id: str, station_id: str) -> tuple[Any, ...]:
        return (self.table.tenant_id == tenant_id, self.table.station_id == station_id)
