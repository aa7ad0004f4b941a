"""The history of connections: which station was connected when, and why it ended."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, delete, null, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.db import ANY_TIME, Listed, Page, Span
from citrine_core.db.bulk import BulkUpdate, BulkUpsert
from citrine_core.db.one_of import one_of, one_of_packed, pack
from citrine_core.errors import NotFound
from citrine_core.resources.connections.models import ConnectionRecord
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["ConnectionRecords", "SessionEnd"]

REPLACED = "replaced by a newer connection"
"""Close reason of a session whose station opened a newer one before its edge reported its end. The edge may yet."""

_RECORDS = ConnectionRecord.metadata.tables["connection_records"]

_KEY = ("tenant_id", "station_id", "epoch")
_END = ("close_time", "close_code", "close_reason")
_GIVEN = ("edge_id", "ocpp_version", "remote_address", "open_time")

_OPEN = BulkUpsert(_RECORDS, (*_KEY, *_GIVEN), _KEY, _GIVEN, changes=dict.fromkeys(_END, null()))
_CLOSE = BulkUpdate(_RECORDS, _END, _KEY)

_UNENDED = select(_RECORDS.c.station_id, _RECORDS.c.epoch).where(
    _RECORDS.c.tenant_id == bindparam("tenant_id"),
    one_of_packed((_RECORDS.c.station_id,), "stations"),
    _RECORDS.c.close_time.is_(None),
)


class SessionEnd(NamedTuple):
    """How a session ended."""

    close_time: datetime
    close_code: int
    close_reason: str
    tenant_id: str
    station_id: str
    epoch: int


class ConnectionRecords:
    """Sessions that opened, the present ones and those before, within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open_all(self, tenant_id: str, sessions: Collection[Mapping[str, Any]]) -> None:
        """Store that sessions opened; what is open of their stations besides ends.

        Args:
            tenant_id: Tenant of the stations.
            sessions: At most one of each station, with the columns of the key and those up to open_time.
        """
        newest = {session["station_id"]: session for session in sessions}
        if not newest:
            return
        values = {"tenant_id": tenant_id, "stations": pack((station_id,) for station_id in newest)}
        unended = (await (await self._session.connection()).execute(_UNENDED, values)).all()
        rows = [
            (newest[station_id]["open_time"], None, REPLACED, tenant_id, station_id, epoch)
            for station_id, epoch in unended
            if epoch != newest[station_id]["epoch"]
        ]
        await _CLOSE.execute(self._session, sorted(rows, key=lambda row: row[4:]))
        await _OPEN.execute(
            self._session,
            [tuple(newest[station_id][name] for name in (*_KEY, *_GIVEN)) for station_id in sorted(newest)],
        )

    async def close_all(self, ends: Sequence[SessionEnd]) -> None:
        """Store how sessions ended. Those that did not open are ignored."""
        newest = {end[3:]: end for end in ends}
        await _CLOSE.execute(self._session, [newest[key] for key in sorted(newest)])

    async def end_of_station(self, tenant_id: str, station_id: str, now: datetime, code: int, reason: str) -> None:
        """Store that what is open of a station ended."""
        await (await self._session.connection()).execute(
            update(_RECORDS)
            .where(
                _RECORDS.c.tenant_id == tenant_id, _RECORDS.c.station_id == station_id, _RECORDS.c.close_time.is_(None)
            )
            .values(close_time=now, close_code=code, close_reason=reason)
        )

    async def get(self, tenant_id: str, station_id: str, epoch: int) -> ConnectionRecord:
        """Return a session.

        Raises:
            NotFound: When there is none.
        """
        found = await self._session.get(ConnectionRecord, (tenant_id, station_id, epoch))
        if found is None:
            raise NotFound("connection", f"{epoch} of {station_id}")
        return found

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        edge_id: str = "",
        version: int = 0,
        is_open: bool | None = None,
        opened: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[ConnectionRecord]:
        """Return sessions, the latest opened first; of one station by their numbers, the highest first.

        Args:
            tenant_id: Tenant of the stations.
            page: Page to return.
            station_id: Only of this station. Empty: of all.
            edge_id: Only of this edge process. Empty: of all.
            version: Only of this citrine.edge.v1.OcppVersion. 0: of all.
            is_open: Whether they have not ended. None: both.
            opened: When they were opened.
            stations: Only of these stations. None: of all.
        """
        row = ConnectionRecord
        query = select(row).where(row.tenant_id == tenant_id, *opened.of(row.open_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, row.station_id, stations))
        if edge_id:
            query = query.where(row.edge_id == edge_id)
        if version:
            query = query.where(row.ocpp_version == version)
        if is_open is not None:
            query = query.where(row.close_time.is_(None) if is_open else row.close_time.is_not(None))
        if station_id:
            return await page.read(self._session, query.where(row.station_id == station_id), row.epoch, descending=True)
        return await page.read(self._session, query, row.open_time, row.station_id, row.epoch, descending=True)

    async def remove_before(self, tenant_ids: Collection[str], time: datetime, limit: int) -> bool:
        """Delete at most so many sessions of tenants that ended before a time; return False if there were none."""
        key = _RECORDS.primary_key.columns
        is_old = and_(_RECORDS.c.open_time < time, _RECORDS.c.close_time < time)
        old = select(*key).where(one_of(_RECORDS.c.tenant_id, tenant_ids), is_old).limit(limit)
        result = await (await self._session.connection()).execute(delete(_RECORDS).where(tuple_(*key).in_(old)))
        return result.rowcount > 0
