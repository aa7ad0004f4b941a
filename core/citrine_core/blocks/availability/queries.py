"""Queries about connectors for other packages."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.events.v1.events_pb2 import ConnectorDetail
from citrine.ocpp.v2.availability_pb2 import (
    CONNECTOR_STATUS_ENUM_AVAILABLE,
    CONNECTOR_STATUS_ENUM_FAULTED,
    CONNECTOR_STATUS_ENUM_UNAVAILABLE,
    ConnectorStatusEnum,
)
from citrine_core.blocks.availability.models import ConnectorState, ConnectorStatusChange
from citrine_core.resources.connections.queries import SESSIONS

__all__ = [
    "all_available",
    "all_out_of_order",
    "count_connectors",
    "faulted_stations",
    "find_available_times",
    "find_detail",
]

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


def faulted_stations(tenant_id: str) -> Select[str]:
    """Return the query of the ids of stations of which a connector is Faulted."""
    connector = ConnectorState
    # With the condition of an index, in which it has no parameter.
    is_faulted = text("connectors.status <> 1 AND connectors.status = 5")
    return select(connector.station_id).where(connector.tenant_id == tenant_id, is_faulted)


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
