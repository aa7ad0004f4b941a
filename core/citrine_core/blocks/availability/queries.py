"""Queries about connectors for other packages."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, TextClause, and_, case, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.availability_pb2 import ConnectorDetail
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2.availability_pb2 import (
    CONNECTOR_STATUS_ENUM_AVAILABLE,
    CONNECTOR_STATUS_ENUM_FAULTED,
    CONNECTOR_STATUS_ENUM_UNAVAILABLE,
    ConnectorStatusEnum,
)
from citrine_core.blocks.availability.models import ConnectorState, ConnectorStatusChange
from citrine_core.db import given_times, one_of
from citrine_core.resources.connections.queries import SESSIONS
from citrine_core.resources.stations.selection import stations_selected

__all__ = [
    "LATEST",
    "all_available",
    "all_out_of_order",
    "count_connectors",
    "faulted_stations",
    "find_available_times",
    "find_detail",
    "find_first_reports",
    "find_reported_evses",
    "find_status_history",
    "is_faulted",
    "stations_by_status",
    "statuses_of_stations",
]

LATEST = timedelta(days=31)
"""How long ago a report of a status may have been made. The clock of a station that says more is off, and the report
counts from when it was stored."""

_OUT_OF_ORDER = (CONNECTOR_STATUS_ENUM_FAULTED, CONNECTOR_STATUS_ENUM_UNAVAILABLE)


def all_out_of_order(tenant_id: Any, station_id: Any, evse_id: Any, after: Any, until: Any) -> ColumnElement[bool]:
    """Return the condition that an EVSE has connectors, and all of them are faulted or unavailable.

    Args:
        tenant_id: Column or value, as the next three.
        station_id: The station.
        evse_id: The EVSE. NULL: all EVSEs of the station.
        after: Earliest time of their newest reports.
        until: Latest time of their newest reports.
    """
    connector = ConnectorState
    meant = and_(
        connector.tenant_id == tenant_id,
        connector.station_id == station_id,
        connector.evse_id > 0,
        connector.connector_id > 0,
        (connector.evse_id == evse_id) | evse_id.is_(None),
    )
    broken = and_(connector.status.in_(_OUT_OF_ORDER), connector.report_time().between(after, until))
    return and_(exists().where(meant), ~exists().where(meant, ~broken))


def all_available(tenant_id: Any, station_id: Any, evse_id: Any, after: Any, until: Any) -> ColumnElement[bool]:
    """Return the condition that an EVSE has connectors, and all of them are available.

    Args:
        tenant_id: Column or value, as the next three.
        station_id: The station.
        evse_id: The EVSE.
        after: Earliest time of their newest reports.
        until: Latest time of their newest reports.
    """
    connector = ConnectorState
    meant = and_(
        connector.tenant_id == tenant_id,
        connector.station_id == station_id,
        connector.evse_id == evse_id,
        connector.connector_id > 0,
    )
    came = func.coalesce(connector.receive_time, connector.order_time).between(after, until)
    free = and_(connector.status == CONNECTOR_STATUS_ENUM_AVAILABLE, came)
    return and_(exists().where(meant), ~exists().where(meant, ~free))


_IS_FAULTED = "connectors.status <> 1 AND connectors.status = 5"
"""With the condition of an index, in which it has no parameter."""


def faulted_stations(tenant_id: str) -> Select[str]:
    """Return the query of the ids of stations of which a connector is Faulted."""
    connector = ConnectorState
    return select(connector.station_id).where(connector.tenant_id == tenant_id, text(_IS_FAULTED))


def is_faulted(tenant_id: str, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that a connector of the station of a column is Faulted."""
    connector = ConnectorState
    return exists().where(connector.tenant_id == tenant_id, connector.station_id == station_id, text(_IS_FAULTED))


def stations_by_status(tenant_id: str) -> list[tuple[int, Select[int, int]]]:
    """Return queries of how many stations have a connector of each status, with what counts how often: 1 or -1.

    The last one is of stations that were connected and are not.
    """
    connector = ConnectorState

    def counted(*where: ColumnElement[bool] | TextClause) -> Select[int, int]:
        stations = select(connector.status, connector.station_id).where(connector.tenant_id == tenant_id, *where)
        distinct = stations.distinct().subquery("stations_by_status")
        return select(distinct.c.status, func.count()).group_by(distinct.c.status)

    closed = select(SESSIONS.c.station_id).where(SESSIONS.c.tenant_id == tenant_id, SESSIONS.c.is_open.is_(False))
    # Each by the index of its condition.
    return [
        (1, counted(text("connectors.status = 1"))),
        (1, counted(text("connectors.status <> 1"))),
        (-1, counted(connector.station_id.in_(closed))),
    ]


_WORDS = {
    value.number: value.name.removeprefix("CONNECTOR_STATUS_ENUM_").lower()
    for value in ConnectorStatusEnum.DESCRIPTOR.values
    if value.number
}


async def count_connectors(session: AsyncSession) -> dict[str, int]:
    """Return the number of connectors of all tenants by status; "offline": their station is not connected."""
    table = ConnectorState.__table__
    status = case((SESSIONS.c.is_open.is_(True), table.c.status)).label("status")
    of_station = and_(SESSIONS.c.tenant_id == table.c.tenant_id, SESSIONS.c.station_id == table.c.station_id)
    rows = await (await session.connection()).execute(
        select(status, func.count())
        .select_from(table.outerjoin(SESSIONS, of_station))
        .where(table.c.evse_id > 0, table.c.connector_id > 0)
        .group_by(status)
    )
    return dict.fromkeys((*_WORDS.values(), "offline"), 0) | {_WORDS.get(row[0], "offline"): row[1] for row in rows}


async def find_available_times(
    session: AsyncSession, tenant_id: str, station_id: str, evse_id: int, since: datetime
) -> list[datetime]:
    """Return when connectors of an EVSE became available, by the clock of the station, from a time on."""
    change = ConnectorStatusChange
    rows = await session.scalars(
        select(change.status_time).where(
            change.tenant_id == tenant_id,
            change.station_id == station_id,
            change.evse_id == evse_id,
            change.status == CONNECTOR_STATUS_ENUM_AVAILABLE,
            change.status_time >= since,
        )
    )
    return list(rows)


async def find_detail(
    session: AsyncSession, tenant_id: str, station_id: str, evse_id: int, connector_id: int
) -> tuple[ConnectorDetail, datetime] | None:
    """Return what the newest report on a connector said beside the status, and its time. None: nothing."""
    row = await session.get(ConnectorState, (tenant_id, station_id, evse_id, connector_id))
    if row is None or row.detail is None:
        return None
    return ConnectorDetail.FromString(row.detail), row.order_time


async def find_first_reports(
    session: AsyncSession, tenant_id: str, evses: Collection[tuple[str, int]]
) -> dict[tuple[str, int], datetime]:
    """Return when the first report that is retained of each EVSE was stored, by station and EVSE."""
    table = ConnectorStatusChange
    key = (table.station_id, table.evse_id)
    rows = await session.execute(
        select(*key, func.min(table.create_time))
        # As few as possible: an index begins with the station.
        .where(table.tenant_id == tenant_id, one_of(table.station_id, {one[0] for one in evses}), one_of(key, evses))
        .group_by(*key)
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def find_reported_evses(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> set[tuple[str, int]]:
    """Return the EVSEs that stations reported, by station and number."""
    table = ConnectorState
    query = select(table.station_id, table.evse_id).where(
        table.tenant_id == tenant_id, one_of(table.station_id, station_ids), table.evse_id > 0
    )
    return {(row[0], row[1]) for row in await session.execute(query)}


async def find_status_history(
    session: AsyncSession, tenant_id: str, since: Mapping[str, datetime]
) -> dict[str, list[tuple[datetime, int, int, int]]]:
    """Return what stations reported of their connectors, each from a time on, with what held then.

    Returns:
        By station: time, EVSE, connector and status (citrine.ocpp.v2.ConnectorStatusEnum), in the order of the times.
        Of a connector that stations reported once, and not since then, it is the present status.
    """
    change, state = ConnectorStatusChange, ConnectorState
    wanted = given_times(session, "wanted", "station_id", since)
    same = [getattr(change, name) == getattr(state, name) for name in ("tenant_id", "station_id", "evse_id")]
    same.append(change.connector_id == state.connector_id)
    before = (
        select(change.status)
        .where(*same, change.status_time < wanted.c.time)
        .order_by(change.status_time.desc())
        .limit(1)
        .correlate(state, wanted)
        .scalar_subquery()
    )
    held = await session.execute(
        select(state.station_id, wanted.c.time, state.evse_id, state.connector_id, before, state.status)
        .join_from(state, wanted, wanted.c.station_id == state.station_id)
        .where(state.tenant_id == tenant_id)
        # The latest comes last: a report on the whole counts until there is another one on a connector.
        .order_by(state.order_time)
    )
    time = case((change.status_time < change.create_time, change.status_time), else_=change.create_time)
    changes = await session.execute(
        select(change.station_id, time, change.evse_id, change.connector_id, change.status)
        .join_from(change, wanted, wanted.c.station_id == change.station_id)
        .where(change.tenant_id == tenant_id, change.status_time >= wanted.c.time)
        .order_by(time)
    )
    later: dict[str, list[tuple[datetime, int, int, int]]] = {}
    for station_id, *one in changes:
        later.setdefault(station_id, []).append((one[0], one[1], one[2], one[3]))
    off = await _history_of_late_clocks(session, tenant_id, since)
    later |= off
    found: dict[str, list[tuple[datetime, int, int, int]]] = {}
    for station_id, at, evse_id, connector_id, status, present in held:
        reports = later.get(station_id, ())
        former = None if station_id in off else status
        # What held before the first change that is retained is not known.
        if former is not None or not any(one[1:3] == (evse_id, connector_id) for one in reports):
            begin = min(at, reports[0][0]) if reports else at
            row = (begin, evse_id, connector_id, present if former is None else former)
            found.setdefault(station_id, []).append(row)
    for station_id, reports in later.items():
        found.setdefault(station_id, []).extend(reports)
    return found


async def _history_of_late_clocks(
    session: AsyncSession, tenant_id: str, since: Mapping[str, datetime]
) -> dict[str, list[tuple[datetime, int, int, int]]]:
    """Return all that is retained of the stations whose newest report says a time long ago, in order.

    By what their clocks say, it cannot be found when a report came, so all is read of these few.
    """
    change, state = ConnectorStatusChange, ConnectorState
    of_some = select(state.station_id, state.order_time, state.report_time()).where(
        state.tenant_id == tenant_id, one_of(state.station_id, since)
    )
    is_off = {row[0] for row in await session.execute(of_some) if row[1] <= row[2] - LATEST}
    if not is_off:
        return {}
    columns = (change.station_id, change.status_time, change.create_time)
    rows = await session.execute(
        select(*columns, change.evse_id, change.connector_id, change.status).where(
            change.tenant_id == tenant_id, one_of(change.station_id, is_off)
        )
    )
    found: dict[str, list[tuple[datetime, int, int, int]]] = {}
    for station_id, said, stored, *status in rows:
        time = said if stored - LATEST < said < stored else stored
        found.setdefault(station_id, []).append((time, status[0], status[1], status[2]))
    return {station_id: sorted(reports, key=itemgetter(0)) for station_id, reports in found.items()}


def statuses_of_stations(
    tenant_id: str, stations: StationSelector, statuses: Mapping[str, int]
) -> Select[*tuple[Any, ...]]:
    """Return the query of how many connectors of each station have each of some statuses, by the names of these.

    A report on a whole EVSE, or on the station, counts as well.
    """
    table = ConnectorState
    sums = [func.sum(case((table.status == status, 1), else_=0)).label(name) for name, status in statuses.items()]
    where = (table.tenant_id == tenant_id, *stations_selected(tenant_id, table.station_id, stations))
    return select(table.station_id, *sums).where(*where).group_by(table.station_id)
