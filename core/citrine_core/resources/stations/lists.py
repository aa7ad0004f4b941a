"""Lists of stations, by what those who read them look for."""

from dataclasses import dataclass
from typing import TypeVarTuple

from sqlalchemy import Select, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import (
    STATION_CONNECTION_CLOSED,
    STATION_CONNECTION_NEVER,
    STATION_CONNECTION_OPEN,
)
from citrine_core.blocks.availability.queries import faulted_stations
from citrine_core.db import Listed, Page, begins_with
from citrine_core.resources.connections.models import Connection
from citrine_core.resources.connections.queries import NewestSession, was_admitted
from citrine_core.resources.stations.models import Station
from citrine_core.resources.stations.repository import StationWithConnection
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["LookedStations", "list_stations", "station_ids_looked_for"]

Selected = TypeVarTuple("Selected")

_SAME = and_(NewestSession.tenant_id == Station.tenant_id, NewestSession.station_id == Station.station_id)


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


async def list_stations(
    session: AsyncSession, tenant_id: str, page: Page, looked: LookedStations
) -> Listed[StationWithConnection]:
    """Return stations with their newest sessions in the order of their ids."""
    query: Select[Station, Connection] = select(Station, NewestSession)
    by_session = looked.ocpp_version or looked.connection in (STATION_CONNECTION_OPEN, STATION_CONNECTION_CLOSED)
    if by_session:
        # In the order of an index of sessions.
        query = query.join(NewestSession, _SAME).where(NewestSession.tenant_id == tenant_id)
        if looked.ocpp_version:
            query = query.where(NewestSession.ocpp_version == looked.ocpp_version)
        if looked.connection:
            query = query.where(NewestSession.is_open.is_(looked.connection == STATION_CONNECTION_OPEN))
    else:
        query = query.outerjoin(NewestSession, _SAME)
    key = NewestSession.station_id if by_session else Station.station_id
    after = page.key(key)
    query = query.where(Station.tenant_id == tenant_id)
    query = _filtered(query, tenant_id, looked, None if after is None else after[0])
    rows, token = await page.read_rows(session, query, key)
    return [(station, connection) for station, connection in rows], token


def station_ids_looked_for(tenant_id: str, looked: LookedStations) -> Select[str]:
    """Return the query of the ids of all stations that somebody looks for, in whatever order."""
    query = _filtered(select(Station.station_id).where(Station.tenant_id == tenant_id), tenant_id, looked, None)
    if looked.ocpp_version or looked.connection in (STATION_CONNECTION_OPEN, STATION_CONNECTION_CLOSED):
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
