"""Queries of the stations."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Select, and_, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tenants_pb2 import QuotaKind
from citrine_core.db.one_of import one_of
from citrine_core.db.violations import breaks_foreign_key
from citrine_core.errors import AlreadyExists, NotFound
from citrine_core.resources.connections.models import Connection
from citrine_core.resources.connections.queries import NewestSession
from citrine_core.resources.stations.models import Station, StationSighting
from citrine_core.resources.stations.tags import StationTags
from citrine_core.resources.tenants.quotas import Counted

__all__ = ["STATIONS", "StationRepository", "StationWithConnection"]

STATIONS = Counted(QuotaKind.QUOTA_KIND_STATIONS, Station.metadata.tables["stations"], Station.held_time.is_(None))

StationWithConnection = tuple[Station, Connection | None]
"""A station and its newest session; None if it never connected."""


class StationRepository:
    """Reads and writes stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, tenant_id: str, station_id: str) -> Station | None:
        """Return a station, or None if there is none with this id."""
        return await self._session.get(Station, (tenant_id, station_id))

    async def find_all(self, tenant_id: str, station_ids: Collection[str]) -> dict[str, Station]:
        """Return the stations with these ids that exist, in one query."""
        rows = await self._session.scalars(
            select(Station).where(Station.tenant_id == tenant_id, one_of(Station.station_id, set(station_ids)))
        )
        return {row.station_id: row for row in rows}

    async def ids_among(self, tenant_id: str, station_ids: Collection[str]) -> set[str]:
        """Return those of the ids that are stations of the tenant."""
        rows = await self._session.scalars(
            select(Station.station_id).where(
                Station.tenant_id == tenant_id, one_of(Station.station_id, set(station_ids))
            )
        )
        return set(rows)

    async def get(self, tenant_id: str, station_id: str, *, for_update: bool = False) -> StationWithConnection:
        """Return a station and its newest session.

        Raises:
            NotFound: When there is none of this id.
        """
        statement = _with_connection().where(Station.tenant_id == tenant_id, Station.station_id == station_id)
        if for_update:
            statement = statement.with_for_update(of=Station)
        row = (await self._session.execute(statement)).one_or_none()
        if row is None:
            raise NotFound("station", station_id)
        return row[0], row[1]

    async def add(self, station: Station) -> None:
        """Store a new station.

        Raises:
            AlreadyExists: When there is one of this id.
            NotFound: When the tenant is gone.
        """
        self._session.add(station)
        try:
            await self._session.flush()
        except IntegrityError as error:
            if breaks_foreign_key(error):
                raise NotFound("tenant", station.tenant_id) from error
            raise AlreadyExists("station", station.station_id) from error

    async def held_and_silent(self, since: datetime, limit: int) -> Sequence[Station]:
        """Return stations of all tenants that are held, not connected, and were not seen since a time."""
        seen = func.coalesce(StationSighting.last_seen_time, Station.held_time)
        newest = and_(NewestSession.tenant_id == Station.tenant_id, NewestSession.station_id == Station.station_id)
        sighting = and_(
            StationSighting.tenant_id == Station.tenant_id, StationSighting.station_id == Station.station_id
        )
        rows = await self._session.scalars(
            select(Station)
            .outerjoin(NewestSession, newest)
            .outerjoin(StationSighting, sighting)
            .where(Station.held_time < since, seen < since, NewestSession.is_open.is_not(True))
            .limit(limit)
        )
        return rows.all()

    async def remove(self, station: Station) -> None:
        """Remove a station. Its session is retained, so that its epochs continue if it is registered again."""
        await StationTags(self._session).forget(station.tenant_id, station.station_id)
        await self._session.delete(station)


def _with_connection() -> Select[Station, Connection]:
    newest = and_(NewestSession.tenant_id == Station.tenant_id, NewestSession.station_id == Station.station_id)
    return select(Station, NewestSession).outerjoin(NewestSession, newest)
