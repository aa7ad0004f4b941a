"""When stations were last seen."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import one_of
from citrine_core.db.bulk import BulkUpsert, given
from citrine_core.resources.stations.models import StationSighting

__all__ = ["Sightings"]

_TABLE = StationSighting.metadata.tables["station_sightings"]

_SEE = BulkUpsert(
    _TABLE,
    ("tenant_id", "station_id", "last_seen_time"),
    ("tenant_id", "station_id"),
    where=_TABLE.c.last_seen_time < given(_TABLE, "last_seen_time"),
)


class Sightings:
    """Reads and writes when stations were last seen."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def see_all(self, seen: Mapping[tuple[str, str], datetime]) -> None:
        """Store when stations, given by tenant and id, were last seen."""
        # Sorted, so that two cores can't deadlock.
        await _SEE.execute(self._session, [(*station, time) for station, time in sorted(seen.items())])

    async def find_all(self, tenant_id: str, station_ids: Collection[str]) -> dict[str, datetime]:
        """Return when those of a tenant's stations that were ever seen were last seen."""
        columns = _TABLE.c
        rows = await (await self._session.connection()).execute(
            select(columns.station_id, columns.last_seen_time).where(
                columns.tenant_id == tenant_id, one_of(columns.station_id, set(station_ids))
            )
        )
        return {row[0]: row[1] for row in rows}

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove the record of a station."""
        await self._session.execute(
            delete(_TABLE).where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id)
        )
