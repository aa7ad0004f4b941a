"""Queries into connections for other packages."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from citrine_core.db import Due
from citrine_core.db.one_of import one_of
from citrine_core.resources.connections.models import Connection, ConnectionRecord, Edge

__all__ = [
    "OPENING_TIME",
    "SESSIONS",
    "NewestSession",
    "certificate_due",
    "claim_expired",
    "connected_stations",
    "count_connected",
    "find_close_times",
    "find_first_sessions",
    "find_ocpp_version",
    "find_sessions",
    "has_expired_certificate",
    "is_connected",
    "linked_processes",
    "may_be_open",
    "was_admitted",
]

OPENING_TIME = timedelta(seconds=10)
"""How long the Opened of an admitted session may take to be stored: a core may be slow, and other items of the station
may take the way over another core."""

_TABLE = Connection.__table__.c
_RECORDS = ConnectionRecord.__table__.c

SESSIONS = select(
    _TABLE.tenant_id,
    _TABLE.station_id,
    _TABLE.edge_id,
    _TABLE.epoch,
    _TABLE.is_open,
    _TABLE.admit_time,
    _TABLE.open_time,
    _TABLE.close_time,
).subquery("sessions")
"""The newest session of each station that ever connected, to be joined by tenant_id and station_id."""

NewestSession = aliased(Connection, name="newest_session")
"""The same as an entity, with all columns."""


def is_connected(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that the station of two columns is connected."""
    return exists().where(_TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id, _TABLE.is_open)


def was_admitted(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that the station of two columns was ever admitted."""
    return exists().where(_TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id)


def has_expired_certificate(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that the station of two columns was admitted last by a certificate that has expired."""
    return exists().where(
        _TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id, _TABLE.renew_due_time.is_not(None)
    )


@cache
def certificate_due() -> Due:
    """Return the query of the time at which a station is next to be asked to replace an expired certificate."""
    return select(func.min(_TABLE.renew_due_time)).where(_TABLE.renew_due_time.is_not(None), _TABLE.is_open)


async def claim_expired(session: AsyncSession, now: datetime, later: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """Return connected stations that are to be asked now to replace an expired certificate, by tenant and id.

    They are due again later, in this or another session.
    """
    rows = await session.scalars(
        select(Connection)
        .where(Connection.renew_due_time <= now, Connection.is_open)
        .order_by(Connection.renew_due_time)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = rows.all()
    for row in found:
        row.renew_due_time = later
    return [(row.tenant_id, row.station_id) for row in found]


async def connected_stations(session: AsyncSession, keys: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of the stations, by tenant and id, that are connected."""
    rows = await session.execute(
        select(_TABLE.tenant_id, _TABLE.station_id).where(
            _TABLE.is_open, one_of((_TABLE.tenant_id, _TABLE.station_id), keys)
        )
    )
    return {(row[0], row[1]) for row in rows}


async def count_connected(session: AsyncSession, tenant_ids: Collection[str], now: datetime) -> Mapping[str, int]:
    """Return how many stations of each of some tenants are connected, or were admitted and may open their session."""
    is_opening = and_(_TABLE.close_time.is_(None), _TABLE.admit_time > now - OPENING_TIME)
    query = select(_TABLE.tenant_id, func.count()).where(
        one_of(_TABLE.tenant_id, tenant_ids), or_(_TABLE.is_open, is_opening)
    )
    rows = await session.execute(query.group_by(_TABLE.tenant_id))
    return {**dict.fromkeys(tenant_ids, 0), **{row[0]: row[1] for row in rows}}


async def linked_processes(session: AsyncSession, since: datetime) -> Mapping[str, int]:
    """Return how many processes of each named edge had a link since a time."""
    edges = Edge.__table__.c
    query = select(edges.edge_name, func.count()).where(edges.last_seen_time >= since, edges.edge_name != "")
    return {row[0]: row[1] for row in await session.execute(query.group_by(edges.edge_name))}


async def find_ocpp_version(session: AsyncSession, tenant_id: str, station_id: str) -> int:
    """Return the citrine.edge.v1.OcppVersion of a station's newest session; 0 if it never had one."""
    query = select(_TABLE.ocpp_version).where(_TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id)
    return await session.scalar(query) or 0


def may_be_open(session: Row[*tuple[Any, ...]], now: datetime) -> bool:
    """Return whether a session may be open on an edge, by its is_open, admit_time and close_time (None: none).

    It is stored as open, or was admitted so recently that it may be open by now. Only its edge knows.
    """
    if session.is_open:
        return True
    return session.admit_time is not None and session.close_time is None and now - session.admit_time < OPENING_TIME


async def find_sessions(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str], since: datetime
) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """Return when sessions of stations opened and closed (None: open), of those that were open since a time."""
    query = select(_RECORDS.station_id, _RECORDS.open_time, _RECORDS.close_time).where(
        _RECORDS.tenant_id == tenant_id,
        one_of(_RECORDS.station_id, station_ids),
        or_(_RECORDS.close_time.is_(None), _RECORDS.close_time >= since),
    )
    found: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for station_id, open_time, close_time in await session.execute(query.order_by(_RECORDS.epoch)):
        found.setdefault(station_id, []).append((open_time, close_time))
    return found


async def find_close_times(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, int]]
) -> dict[tuple[str, int], datetime]:
    """Return when sessions closed, by station and epoch; only of those that did."""
    key = (_RECORDS.station_id, _RECORDS.epoch)
    query = select(*key, _RECORDS.close_time).where(_RECORDS.tenant_id == tenant_id, one_of(key, keys))
    rows = await session.execute(query)
    return {(row[0], row[1]): row[2] for row in rows if row[2] is not None}


async def find_first_sessions(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[str, datetime]:
    """Return when the first session of each station opened, of those that are retained."""
    query = select(_RECORDS.station_id, func.min(_RECORDS.open_time)).where(
        _RECORDS.tenant_id == tenant_id, one_of(_RECORDS.station_id, station_ids)
    )
    return {row[0]: row[1] for row in await session.execute(query.group_by(_RECORDS.station_id))}
