"""Queries of the connections."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CompoundSelect,
    Row,
    Select,
    bindparam,
    delete,
    exists,
    func,
    not_,
    null,
    or_,
    select,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.db import Database, Listed, Page, UnitOfWork
from citrine_core.db.bulk import BulkUpsert
from citrine_core.db.direct_query import DirectQuery
from citrine_core.db.one_of import one_of_packed, pack
from citrine_core.resources.connections.models import Connection, Edge
from citrine_core.resources.connections.records import ConnectionRecords, SessionEnd
from citrine_core.resources.stations.selection import stations_selected

__all__ = [
    "ClosedSession",
    "ConnectionRepository",
    "EdgeRepository",
    "GrantedSession",
    "SessionState",
    "current_epochs",
    "newest_sessions",
    "newest_sessions_beside",
]

EDGE_SILENT = "edge lost"
"""Close reason of a session whose edge had no link to any core. The edge may turn out to be alive."""

UNKNOWN_TO_EDGE = "unknown to its edge"
"""Close reason of a session that its edge did not list in Hello."""

ASSUMED = frozenset({EDGE_SILENT, UNKNOWN_TO_EDGE})
"""Close reasons that no edge reported. If an edge still has the session, it is open after all."""

_TABLE = Connection.metadata.tables["connections"]
_EDGES = Edge.metadata.tables["edges"]

_GIVEN = ("edge_id", "ocpp_version", "remote_address", "renew_due_time", "admit_time")
_GRANT = BulkUpsert(
    _TABLE,
    ("tenant_id", "station_id", *_GIVEN, "epoch", "is_open"),
    ("tenant_id", "station_id"),
    (*_GIVEN, "is_open"),
    changes={
        "epoch": _TABLE.c.epoch + 1,
        **dict.fromkeys(("open_time", "close_time", "close_code", "close_reason"), null()),
    },
    returning=("tenant_id", "station_id", "epoch"),
)
# The name is that of the first link: another edge that presents the same id must not get it.
_SEE_EDGES = BulkUpsert(
    _EDGES,
    ("edge_id", "edge_name", "software_version", "last_seen_time"),
    ("edge_id",),
    ("software_version", "last_seen_time"),
    returning=("edge_name",),
)

_KEY = ("tenant_id", "station_id", "epoch")
_OPENED = ("ocpp_version", "remote_address", "open_time")
_IS_IT = [_TABLE.c[name] == bindparam(f"b_{name}") for name in _KEY]
_OPEN = (
    update(_TABLE)
    # Not `in_`, which is not for many rows at once.
    .where(*_IS_IT, or_(_TABLE.c.close_reason.is_(None), *(_TABLE.c.close_reason == reason for reason in ASSUMED)))
    .values(
        is_open=True,
        close_time=None,
        close_code=None,
        close_reason=None,
        **{name: bindparam(f"b_{name}") for name in _OPENED},
    )
)
_CLOSE = (
    update(_TABLE)
    .where(*_IS_IT)
    .values(is_open=False, **{name: bindparam(f"b_{name}") for name in ("close_time", "close_code", "close_reason")})
)

_OF_STATIONS = (_TABLE.c.tenant_id == bindparam("tenant_id"), one_of_packed((_TABLE.c.station_id,), "stations"))
_FIND = select(_TABLE).where(*_OF_STATIONS)
# Sorted, so that two cores can't deadlock.
_FIND_LOCKED = _FIND.order_by(_TABLE.c.station_id).with_for_update()

_STATE = (_TABLE.c.station_id, _TABLE.c.epoch, _TABLE.c.is_open, _TABLE.c.edge_id)

_NEWEST = DirectQuery(select(*_STATE).where(*_OF_STATIONS))

# Asked every few seconds.
_SILENT_EDGES = DirectQuery(
    select(_EDGES.c.edge_id)
    .where(
        _EDGES.c.last_seen_time < bindparam("seen_before"),
        exists().where(_TABLE.c.edge_id == _EDGES.c.edge_id, _TABLE.c.is_open.is_(True)),
    )
    .limit(1)
)


class GrantedSession(NamedTuple):
    """The stored part of an admission."""

    tenant_id: str
    station_id: str
    edge_id: str
    ocpp_version: int
    remote_address: str
    renew_due_time: datetime | None = None
    """When to ask the station to order a certificate, as its own has expired."""


@dataclass(frozen=True, slots=True)
class ClosedSession:
    """A closed session."""

    tenant_id: str
    station_id: str
    epoch: int
    close_time: datetime
    code: int
    reason: str


class SessionState(NamedTuple):
    """The newest session of a station."""

    epoch: int
    is_open: bool
    """False: its websocket is closed, or its opening has not been reported yet."""
    edge_id: str
    """Edge that holds the websocket."""


async def newest_sessions(work: UnitOfWork, tenant_id: str, station_ids: Collection[str]) -> Mapping[str, SessionState]:
    """Return the newest session of each of a tenant's stations."""
    values = {"tenant_id": tenant_id, "stations": pack((station_id,) for station_id in station_ids)}
    rows = await _NEWEST.fetch(work.session, values)
    return {station_id: SessionState(epoch, is_open, edge_id) for station_id, epoch, is_open, edge_id in rows}


async def newest_sessions_beside(
    work: UnitOfWork,
    tenant_id: str,
    station_ids: Collection[str],
    query: Callable[[Database], Select[Any]],
    keys: Collection[tuple[str, ...]],
) -> tuple[Mapping[str, SessionState], Sequence[Sequence[Any]]]:
    """Return the newest session of each of a tenant's stations, and the rows of a query about them, by one statement.

    Args:
        work: The transaction.
        tenant_id: Tenant of the stations.
        station_ids: The stations.
        query: Returns the query for a database. It has the parameters `tenant_id` and `keys`.
        keys: Keys of the rows.
    """
    values = {"tenant_id": tenant_id, "stations": pack((one,) for one in station_ids), "keys": pack(keys)}
    sessions: dict[str, SessionState] = {}
    found = []
    width = len(_STATE)
    for row in await _beside(query).fetch(work.session, values):
        if row[0] is None:
            found.append(row[width:])
        else:
            sessions[row[0]] = SessionState(*row[1:width])
    return sessions, found


@cache
def _beside(query: Callable[[Database], Select[Any]]) -> DirectQuery:
    def united(database: Database) -> CompoundSelect[Any]:
        # Rows are locked within the subquery, if at all: a union can't lock them. No join, which would compare each
        # session with each row.
        other = query(database).subquery("beside")
        sessions = select(*_STATE, *(type_coerce(null(), column.type) for column in other.c)).where(*_OF_STATIONS)
        return union_all(sessions, select(*(null() for _ in _STATE), *other.c))

    return DirectQuery(united)


async def current_epochs(work: UnitOfWork, tenant_id: str, station_ids: Collection[str]) -> Mapping[str, int]:
    """Return the epoch of the newest session of each of a tenant's stations."""
    return {
        station_id: session.epoch
        for station_id, session in (await newest_sessions(work, tenant_id, station_ids)).items()
    }


class ConnectionRepository:
    """The newest session of each station."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(
        self, tenant_id: str, station_ids: Collection[str], *, lock: bool = False
    ) -> dict[str, Row[*tuple[Any, ...]]]:
        """Return the newest sessions of a tenant's stations, open or not.

        With lock they are locked until the commit.
        """
        values = {"tenant_id": tenant_id, "stations": pack((station_id,) for station_id in station_ids)}
        rows = await (await self._connection()).execute(_FIND_LOCKED if lock else _FIND, values)
        return {row.station_id: row for row in rows}

    async def find_newest(self, tenant_id: str, station_id: str) -> Row[*tuple[Any, ...]] | None:
        """Return the newest session of a station, open or not; None if it never connected."""
        of_station = _TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id
        return (await (await self._connection()).execute(select(_TABLE).where(*of_station))).one_or_none()

    async def find_open(self, tenant_id: str, station_id: str) -> Row[*tuple[Any, ...]] | None:
        """Return the open session of a station, or None."""
        rows = await (await self._connection()).execute(
            select(_TABLE).where(
                _TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id, _TABLE.c.is_open.is_(True)
            )
        )
        return rows.one_or_none()

    async def list_open(
        self,
        tenant_id: str,
        page: Page,
        *,
        edge_id: str = "",
        version: int = 0,
        stations: StationSelector | None = None,
    ) -> Listed[Row[*tuple[Any, ...]]]:
        """Return open sessions of a tenant by station; of an edge process, a version, stations if these are given."""
        query = select(_TABLE).where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.is_open.is_(True))
        if edge_id:
            query = query.where(_TABLE.c.edge_id == edge_id)
        if version:
            query = query.where(_TABLE.c.ocpp_version == version)
        if stations is not None:
            after = page.key(_TABLE.c.station_id)
            behind = None if after is None else after[0]
            query = query.where(*stations_selected(tenant_id, _TABLE.c.station_id, stations, behind))
        return await page.read_rows(self._session, query, _TABLE.c.station_id)

    async def list_of_edge(self, edge_id: str) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return the open sessions of an edge, as stored."""
        rows = await (await self._connection()).execute(
            select(_TABLE).where(_TABLE.c.edge_id == edge_id, _TABLE.c.is_open.is_(True))
        )
        return rows.all()

    async def grant_all(self, grants: Sequence[GrantedSession], admit_time: datetime) -> dict[tuple[str, str], int]:
        """Store admissions, at most one per station; return the epoch of each, one higher than the station's last."""
        rows = [
            (*grant, admit_time, 1, False)
            for grant in sorted(grants)  # in one order everywhere, so that two cores don't wait for each other
        ]
        granted = await _GRANT.fetch(self._session, rows)
        return {(tenant_id, station_id): epoch for tenant_id, station_id, epoch in granted}

    async def open_all(self, sessions: Sequence[Mapping[str, Any]]) -> None:
        """Mark sessions as open.

        Args:
            sessions: Each with tenant_id, station_id, epoch, edge_id, ocpp_version, remote_address and open_time.
                Sessions that are not the newest of their station, or were reported as closed, are ignored.
        """
        if sessions:
            rows = [{f"b_{name}": session[name] for name in (*_KEY, *_OPENED)} for session in sorted_by_key(sessions)]
            await (await self._connection()).execute(_OPEN, rows)
            by_tenant: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
            for session in sessions:
                by_tenant[session["tenant_id"]].append(session)
            for tenant_id, group in by_tenant.items():
                await ConnectionRecords(self._session).open_all(tenant_id, group)

    async def close_all(self, sessions: Sequence[ClosedSession]) -> None:
        """Mark sessions as closed. Those that are not the newest of their station are ignored."""
        if sessions:
            rows = [
                {
                    "b_tenant_id": session.tenant_id,
                    "b_station_id": session.station_id,
                    "b_epoch": session.epoch,
                    "b_close_time": session.close_time,
                    "b_close_code": session.code,
                    "b_close_reason": session.reason[:125],
                }
                for session in sorted(sessions, key=lambda one: (one.tenant_id, one.station_id))
            ]
            await (await self._connection()).execute(_CLOSE, rows)
            await ConnectionRecords(self._session).close_all(list(map(_end_of, sessions)))

    async def revoke(self, tenant_id: str, station_id: str, now: datetime, reason: str) -> None:
        """Invalidate the newest session of a station, open or not, by increasing its epoch."""
        await (await self._connection()).execute(
            update(_TABLE)
            .where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id)
            .values(
                epoch=_TABLE.c.epoch + 1,
                is_open=False,
                ocpp_version=0,
                remote_address="",
                close_time=now,
                close_code=1000,
                close_reason=reason,
            )
        )
        await ConnectionRecords(self._session).end_of_station(tenant_id, station_id, now, 1000, reason)

    async def has_silent_edges(self, seen_before: datetime) -> bool:
        """Return whether any edge without a link since a time has open sessions."""
        return bool(await _SILENT_EDGES.fetch(self._session, {"seen_before": seen_before}))

    async def close_of_silent_edges(self, seen_before: datetime, now: datetime) -> Sequence[ClosedSession]:
        """Mark the sessions of edges without a link since a time as closed, and return them."""
        silent = select(_EDGES.c.edge_id).where(_EDGES.c.last_seen_time < seen_before)
        rows = await (await self._connection()).execute(
            update(_TABLE)
            .where(_TABLE.c.is_open.is_(True), _TABLE.c.edge_id.in_(silent))
            .values(is_open=False, close_time=now, close_code=1006, close_reason=EDGE_SILENT)
            .returning(_TABLE.c.tenant_id, _TABLE.c.station_id, _TABLE.c.epoch)
        )
        closed = [ClosedSession(row[0], row[1], row[2], now, 1006, EDGE_SILENT) for row in rows]
        await ConnectionRecords(self._session).close_all(list(map(_end_of, closed)))
        return closed

    async def count_open(self) -> int:
        """Return the number of open sessions of all tenants."""
        rows = await (await self._connection()).execute(select(func.count()).where(_TABLE.c.is_open.is_(True)))
        count: int = rows.scalar_one()
        return count

    async def _connection(self) -> AsyncConnection:
        return await self._session.connection()


def _end_of(session: ClosedSession) -> SessionEnd:
    return SessionEnd(
        session.close_time, session.code, session.reason[:125], session.tenant_id, session.station_id, session.epoch
    )


def sorted_by_key(sessions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return sessions in the order in which all cores lock them."""
    return sorted(sessions, key=lambda session: (session["tenant_id"], session["station_id"]))


class EdgeRepository:
    """The known edge processes."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def see_all(self, edges: Mapping[str, tuple[str, str]], now: datetime) -> None:
        """Store edges, given with their name and software version, as alive. A stored name is not changed."""
        await _SEE_EDGES.execute(self._session, _seen(edges, now))

    async def see(self, edge_id: str, name: str, version: str, now: datetime) -> str:
        """Store an edge as alive, and return the name with which it linked first."""
        ((found,),) = await _SEE_EDGES.fetch(self._session, _seen({edge_id: (name, version)}, now))
        return str(found or "")

    async def remove_before(self, time: datetime) -> None:
        """Delete edges without a link since a time, and without sessions."""
        has_sessions = exists().where(_TABLE.c.edge_id == _EDGES.c.edge_id, _TABLE.c.is_open.is_(True))
        await (await self._session.connection()).execute(
            delete(_EDGES).where(_EDGES.c.last_seen_time < time, not_(has_sessions))
        )


def _seen(edges: Mapping[str, tuple[str, str]], now: datetime) -> list[tuple[str, str, str, datetime]]:
    return [(edge_id, name, version[:50], now) for edge_id, (name, version) in sorted(edges.items())]
