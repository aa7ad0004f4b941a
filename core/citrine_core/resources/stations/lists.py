"""Lists of stations, by what those who read them look for."""

from dataclasses import dataclass
from typing import TypeVarTuple

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import (
    STATION_CONNECTION_CLOSED,
    STATION_CONNECTION_NEVER,
    STATION_CONNECTION_OPEN,
    STATION_ORDER_ID,
    STATION_ORDER_UNSPECIFIED,
)
from citrine_core.blocks.availability.queries import faulted_stations
from citrine_core.db import Listed, Page, Span, begins_with
from citrine_core.db.changes import changed_within
from citrine_core.errors import InvalidArgument
from citrine_core.resources.connections.models import Connection
from citrine_core.resources.connections.queries import NewestSession, was_admitted
from citrine_core.resources.stations.models import Station
from citrine_core.resources.stations.orders import SAME_STATION, parts_of, read_parts
from citrine_core.resources.stations.repository import StationWithConnection
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["LookedStations", "list_stations", "station_ids_looked_for"]

Selected = TypeVarTuple("Selected")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedStations:
    """Which stations somebody looks for. Each field that is set leaves out those to which it does not apply."""

    stations: StationSelector | None = None
    connection: int = 0
    """citrine.api.v1.StationConnection. 0: any."""
    held: bool | None = None
    """True: only held stations. False: only the others."""
    prefix: str = ""
    """With what the id begins."""
    vendor_name: str = ""
    model: str = ""
    firmware_version: str = ""
    ocpp_version: int = 0
    """citrine.edge.v1.OcppVersion of the newest session. 0: any."""
    registration: int | None = None
    """citrine.ocpp.v2.RegistrationStatusEnum of the last boot."""
    faulted_only: bool = False
    changed: Span | None = None
    """When they last changed."""

    @property
    def by_session(self) -> bool:
        """Whether only stations are meant that ever connected."""
        return bool(self.ocpp_version) or self.connection in (STATION_CONNECTION_OPEN, STATION_CONNECTION_CLOSED)


async def list_stations(
    session: AsyncSession,
    tenant_id: str,
    page: Page,
    looked: LookedStations,
    order: int = STATION_ORDER_ID,
    *,
    descending: bool = False,
) -> Listed[StationWithConnection]:
    """Return stations with their newest sessions, in an order (citrine.api.v1.StationOrder) or that of their changes.

    Raises:
        InvalidArgument: When there is no such order, or another one is asked for with that of changes.
    """
    if looked.changed is not None:
        if descending or order not in (STATION_ORDER_UNSPECIFIED, STATION_ORDER_ID):
            raise InvalidArgument("order", "must be unset with update_time, which has an order of its own")
        return await _list_changed(session, tenant_id, page, looked, looked.changed)
    if order not in (STATION_ORDER_UNSPECIFIED, STATION_ORDER_ID):
        parts = parts_of(tenant_id, order, descending=descending)
        looked_for = [part._replace(query=_within(part.query, tenant_id, looked)) for part in parts]
        return await read_parts(session, page, looked_for)
    query: Select[Station, Connection] = select(Station, NewestSession)
    by_session = looked.by_session
    if by_session:
        # In the order of an index of sessions.
        query = query.join(NewestSession, SAME_STATION).where(NewestSession.tenant_id == tenant_id)
    else:
        query = query.outerjoin(NewestSession, SAME_STATION)
    key = NewestSession.station_id if by_session else Station.station_id
    after = page.key(key)
    query = _within(query, tenant_id, looked, None if after is None or descending else after[0])
    rows, token = await page.read_rows(session, query, key, descending=descending)
    return [(station, connection) for station, connection in rows], token


async def _list_changed(
    session: AsyncSession, tenant_id: str, page: Page, looked: LookedStations, changed: Span
) -> Listed[StationWithConnection]:
    query = select(Station, NewestSession).outerjoin(NewestSession, SAME_STATION)
    query = query.where(*await changed_within(session, Station.update_time, *changed))
    rows, token = await page.read_rows(
        session, _within(query, tenant_id, looked), Station.update_time, Station.station_id
    )
    return [(station, connection) for station, connection in rows], token


def _within(
    query: Select[*Selected], tenant_id: str, looked: LookedStations, after: str | None = None
) -> Select[*Selected]:
    """Return a query of stations and their newest sessions with what somebody looks for."""
    if looked.ocpp_version:
        query = query.where(NewestSession.ocpp_version == looked.ocpp_version)
    if looked.connection in (STATION_CONNECTION_OPEN, STATION_CONNECTION_CLOSED):
        query = query.where(NewestSession.is_open.is_(looked.connection == STATION_CONNECTION_OPEN))
    return _filtered(query.where(Station.tenant_id == tenant_id), tenant_id, looked, after)


def station_ids_looked_for(tenant_id: str, looked: LookedStations) -> Select[str]:
    """Return the query of the ids of all stations that somebody looks for, in whatever order."""
    query = _filtered(select(Station.station_id).where(Station.tenant_id == tenant_id), tenant_id, looked, None)
    if looked.by_session:
        sessions = select(NewestSession.station_id).where(NewestSession.tenant_id == tenant_id)
        if looked.ocpp_version:
            sessions = sessions.where(NewestSession.ocpp_version == looked.ocpp_version)
        if looked.connection:
            sessions = sessions.where(NewestSession.is_open.is_(looked.connection == STATION_CONNECTION_OPEN))
        query = query.where(Station.station_id.in_(sessions))
    return query


def _filtered(query: Select[*Selected], tenant_id: str, looked: LookedStations, after: str | None) -> Select[*Selected]:
    for column, value in (
        (Station.vendor_name, looked.vendor_name),
        (Station.model, looked.model),
        (Station.firmware_version, looked.firmware_version),
    ):
        if value:
            query = query.where(column == value)
    if looked.stations is not None:
        query = query.where(*stations_selected(tenant_id, Station.station_id, looked.stations, after))
    if looked.registration is not None:
        query = query.where(Station.registration == looked.registration)
    if looked.held is not None:
        query = query.where(Station.held_time.is_not(None) if looked.held else Station.held_time.is_(None))
    if looked.prefix:
        query = query.where(begins_with(Station.station_id, looked.prefix))
    if looked.faulted_only:
        query = query.where(Station.station_id.in_(faulted_stations(tenant_id)))
    if looked.connection == STATION_CONNECTION_NEVER:
        # Nothing boots without a connection: few stations have not booted.
        query = query.where(Station.boot_time.is_(None), ~was_admitted(Station.tenant_id, Station.station_id))
    return query
