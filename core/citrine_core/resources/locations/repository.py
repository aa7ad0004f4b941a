"""Queries of locations and their EVSEs."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Listed, Page, one_of
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.changes import changed_within
from citrine_core.db.violations import breaks_foreign_key
from citrine_core.errors import AlreadyExists, NotFound
from citrine_core.resources.locations.models import Location, LocationEvse

__all__ = ["EvseRepository", "LocationRepository", "Span"]

Span = tuple[datetime | None, datetime | None]
"""Begin and end of a range of times; None: it has none."""

_TABLE = LocationEvse.metadata.tables["location_evses"]

_ADD = BulkInsert(
    _TABLE,
    ("tenant_id", "uid", "location_id", "station_id", "evse_id", "content", "create_time", "update_time", "version"),
    ignore=True,
    returning=("uid",),
)


class LocationRepository:
    """Reads and writes locations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, tenant_id: str, location_id: str, *, for_update: bool = False) -> Location:
        """Return a location.

        Raises:
            NotFound: When there is none of this id.
        """
        found = await self._session.get(Location, (tenant_id, location_id), with_for_update=for_update or None)
        if found is None:
            raise NotFound("location", location_id)
        return found

    async def retain(self, tenant_id: str, location_id: str) -> None:
        """Keep a location from being deleted until the commit.

        Raises:
            NotFound: When there is none of this id.
        """
        query = select(Location.location_id).where(Location.tenant_id == tenant_id, Location.location_id == location_id)
        if await self._session.scalar(query.with_for_update(read=True, key_share=True)) is None:
            raise NotFound("location", location_id)

    async def find_all(self, tenant_id: str, location_ids: Collection[str]) -> dict[str, Location]:
        """Return those of the locations that exist."""
        rows = await self._session.scalars(
            select(Location).where(Location.tenant_id == tenant_id, one_of(Location.location_id, set(location_ids)))
        )
        return {row.location_id: row for row in rows}

    async def list(
        self, tenant_id: str, page: Page, *, changed: Span | None, published_only: bool, country: str
    ) -> Listed[Location]:
        """Return locations by id, or by the time of their last change where that is a filter."""
        query = select(Location).where(Location.tenant_id == tenant_id)
        if published_only:
            query = query.where(Location.publish)
        if country:
            query = query.where(Location.country == country)
        if changed is None:
            return await page.read(self._session, query, Location.location_id)
        query = query.where(*await changed_within(self._session, Location.update_time, *changed))
        return await page.read(self._session, query, Location.update_time, Location.location_id)

    async def add(self, location: Location) -> None:
        """Store a new location.

        Raises:
            AlreadyExists: When there is one of this id.
            NotFound: When the tenant is gone.
        """
        self._session.add(location)
        try:
            await self._session.flush()
        except IntegrityError as error:
            if breaks_foreign_key(error):
                raise NotFound("tenant", location.tenant_id) from error
            raise AlreadyExists("location", location.location_id) from error

    async def touch(self, tenant_id: str, location_ids: Collection[str], time: datetime) -> None:
        """Say that locations, or their EVSEs, changed."""
        # In order, so that two cores can't deadlock.
        for location_id in sorted(location_ids):
            await self._session.execute(
                update(Location)
                .where(Location.tenant_id == tenant_id, Location.location_id == location_id)
                .values(update_time=time)
            )

    async def remove(self, location: Location) -> None:
        """Remove a location."""
        await self._session.delete(location)


class EvseRepository:
    """Reads and writes the EVSEs of locations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, tenant_id: str, uid: str, *, for_update: bool = False) -> LocationEvse:
        """Return an EVSE, also one that was removed.

        Raises:
            NotFound: When there is none of this uid.
        """
        found = await self._session.get(LocationEvse, (tenant_id, uid), with_for_update=for_update or None)
        if found is None:
            raise NotFound("EVSE", uid)
        return found

    async def at(self, tenant_id: str, location_ids: Collection[str]) -> Sequence[LocationEvse]:
        """Return the EVSEs of locations, without removed ones, by station and number."""
        there = _present(tenant_id).where(one_of(LocationEvse.location_id, set(location_ids)))
        rows = (await self._session.scalars(there)).all()
        return sorted(rows, key=lambda row: (row.station_id or "", row.evse_id or 0, row.uid))

    async def of_station(self, tenant_id: str, station_id: str) -> Sequence[LocationEvse]:
        """Return the EVSEs of a station, without removed ones, locked until the commit."""
        present = _present(tenant_id).where(LocationEvse.station_id == station_id)
        return (await self._session.scalars(present.order_by(LocationEvse.uid).with_for_update())).all()

    async def are_at(self, tenant_id: str, location_id: str) -> bool:
        """Return whether there is any EVSE at a location that was not removed."""
        row = LocationEvse
        is_there = exists().where(row.tenant_id == tenant_id, row.location_id == location_id, row.remove_time.is_(None))
        return bool(await self._session.scalar(select(is_there)))

    async def list(
        self, tenant_id: str, page: Page, *, changed: Span | None, with_removed: bool, **columns: Any
    ) -> Listed[LocationEvse]:
        """Return EVSEs by uid, or by the time of their last change where that is a filter.

        Args:
            tenant_id: Tenant of the EVSEs.
            page: The page to return.
            changed: Only those that changed in this time. None: all.
            with_removed: Whether to return those that were removed, too.
            columns: What columns must be, by name. Empty: anything.
        """
        query = select(LocationEvse).where(LocationEvse.tenant_id == tenant_id)
        query = query.filter_by(**{name: value for name, value in columns.items() if value})
        if not with_removed:
            query = query.where(LocationEvse.remove_time.is_(None))
        if changed is None:
            return await page.read(self._session, query, LocationEvse.uid)
        query = query.where(*await changed_within(self._session, LocationEvse.update_time, *changed))
        return await page.read(self._session, query, LocationEvse.update_time, LocationEvse.uid)

    async def add(self, evse: LocationEvse) -> None:
        """Store a new EVSE.

        Raises:
            AlreadyExists: When the uid was ever used, or another EVSE has its station and number, or its public id.
        """
        self._session.add(evse)
        await self.flush(evse)

    async def add_all(self, tenant_id: str, evses: Collection[tuple[str, str, str, int]], time: datetime) -> set[str]:
        """Store new EVSEs, and return the uids of those that were not there.

        Args:
            tenant_id: Their tenant.
            evses: Their uids, locations, stations and numbers.
            time: When they change.
        """
        rows = [(tenant_id, *one, b"", time, time, 1) for one in sorted(evses, key=lambda one: one[2:])]
        return {row[0] for row in await _ADD.fetch(self._session, rows)}

    async def flush(self, evse: LocationEvse) -> None:
        """Store an EVSE that is new or changed.

        Raises:
            AlreadyExists: When another EVSE has its uid, its station and number, or its public id.
        """
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise AlreadyExists("EVSE", _conflict(error, evse)) from error


def _present(tenant_id: str) -> Select[LocationEvse]:
    return select(LocationEvse).where(LocationEvse.tenant_id == tenant_id, LocationEvse.remove_time.is_(None))


def _conflict(error: IntegrityError, evse: LocationEvse) -> str:
    text = str(error.orig)
    if "public_" in text:
        return "of this public id"
    if "_present" in text or "evse_id" in text:
        return f"{evse.evse_id} of station {evse.station_id}"
    return evse.uid
