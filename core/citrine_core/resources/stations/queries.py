"""What other packages may ask about stations, and which of two things that one says is newer."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.provisioning_pb2 import (
    BOOT_REASON_ENUM_TRIGGERED,
    REGISTRATION_STATUS_ENUM_ACCEPTED,
    REGISTRATION_STATUS_ENUM_PENDING,
    REGISTRATION_STATUS_ENUM_REJECTED,
    ChargingStation,
)
from citrine_core.db.one_of import one_of
from citrine_core.resources.connections.queries import SESSIONS
from citrine_core.resources.stations.models import Station

__all__ = [
    "BOOTS",
    "count_stations",
    "find_boot_times",
    "find_hardware",
    "find_station",
    "find_with_session",
    "has_restarted",
    "is_accepted",
    "is_station",
    "list_hardware",
    "lock_station",
    "may_be_sent_to",
    "names_configuration",
    "order_time_of",
    "tenant_has_stations",
]

_TABLE = Station.__table__.c

BOOTS = select(_TABLE.tenant_id, _TABLE.station_id, _TABLE.registration, _TABLE.boot_time).subquery("boots")
"""When each station last booted and what it was told, to be joined by tenant_id and station_id."""

_STATES = ("connected", "pending", "rejected", "not_booted", "offline", "never_seen", "held", "disabled")


async def count_stations(session: AsyncSession) -> dict[str, int]:
    """Return how many stations of all tenants are in which state, each in one: the first that holds.

    Disabled; held; connected and accepted, pending, rejected or not booted; offline; never seen.
    """
    is_open, registration = SESSIONS.c.is_open.is_(True), _TABLE.registration
    state = case(
        (_TABLE.enabled.is_(False), "disabled"),
        (_TABLE.held_time.is_not(None), "held"),
        (and_(is_open, registration == REGISTRATION_STATUS_ENUM_ACCEPTED), "connected"),
        (and_(is_open, registration == REGISTRATION_STATUS_ENUM_PENDING), "pending"),
        (and_(is_open, registration == REGISTRATION_STATUS_ENUM_REJECTED), "rejected"),
        (is_open, "not_booted"),
        (SESSIONS.c.station_id.is_not(None), "offline"),
        else_="never_seen",
    ).label("state")
    of_station = and_(SESSIONS.c.tenant_id == _TABLE.tenant_id, SESSIONS.c.station_id == _TABLE.station_id)
    rows = await (await session.connection()).execute(
        select(state, func.count()).select_from(Station.__table__.outerjoin(SESSIONS, of_station)).group_by(state)
    )
    return dict.fromkeys(_STATES, 0) | {row[0]: row[1] for row in rows}


def is_accepted(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that the station of two columns was told Accepted last."""
    return exists().where(*_is(tenant_id, station_id), _TABLE.registration == REGISTRATION_STATUS_ENUM_ACCEPTED)


def may_be_sent_to(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that something may be sent to the station of two columns: it booted, and is not rejected.

    Nothing is sent to any other (B03.FR.03).
    """
    return exists().where(*_is(tenant_id, station_id), _TABLE.registration != REGISTRATION_STATUS_ENUM_REJECTED)


def has_restarted(tenant_id: Any, station_id: Any, since: Any) -> ColumnElement[bool]:
    """Return the condition that the station of two columns booted since a time, unasked, and is accepted."""
    return exists().where(
        *_is(tenant_id, station_id),
        _TABLE.boot_time > since,
        _TABLE.boot_reason != BOOT_REASON_ENUM_TRIGGERED,
        _TABLE.registration == REGISTRATION_STATUS_ENUM_ACCEPTED,
    )


async def is_station(session: AsyncSession, tenant_id: str, station_id: str) -> bool:
    """Return whether there is a station of this id."""
    return bool(await session.scalar(select(exists().where(*_is(tenant_id, station_id)))))


async def find_station(session: AsyncSession, tenant_id: str, station_id: str) -> Station | None:
    """Return a station, to be read; None where there is none of this id."""
    return await session.get(Station, (tenant_id, station_id))


async def find_with_session(
    session: AsyncSession, tenant_id: str, station_id: str, *, lock: bool = False
) -> Row[*tuple[Any, ...]] | None:
    """Return the registration of a station and its newest session; None where there is no such station.

    The session's columns are is_open, edge_id, epoch, admit_time and close_time; all are None where the station never
    connected. With lock the station is not deleted before the commit.
    """
    stations = Station.metadata.tables["stations"]
    same = and_(SESSIONS.c.tenant_id == _TABLE.tenant_id, SESSIONS.c.station_id == _TABLE.station_id)
    query = (
        select(
            _TABLE.registration,
            *(SESSIONS.c[name] for name in ("is_open", "edge_id", "epoch", "admit_time", "close_time")),
        )
        .select_from(stations.outerjoin(SESSIONS, same))
        .where(*_is(tenant_id, station_id))
    )
    if lock:
        query = query.with_for_update(read=True, key_share=True, of=stations)
    return (await (await session.connection()).execute(query)).one_or_none()


async def lock_station(session: AsyncSession, tenant_id: str, station_id: str) -> bool:
    """Let nobody else lock a station until the commit; return False where there is no such station."""
    query = select(_TABLE.station_id).where(*_is(tenant_id, station_id)).with_for_update(key_share=True)
    return await session.scalar(query) is not None


async def find_hardware(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[str, ChargingStation]:
    """Return what stations said of themselves at their last boot; of those that exist."""
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.hardware).where(
            _TABLE.tenant_id == tenant_id, one_of(session, _TABLE.station_id, station_ids)
        )
    )
    return {row[0]: ChargingStation.FromString(row[1] or b"") for row in rows}


async def list_hardware(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str] | None, *, after: str, limit: int
) -> Sequence[tuple[str, ChargingStation]]:
    """Return what stations said of themselves, in the order of their ids, behind one; of all where none are named."""
    query = select(_TABLE.station_id, _TABLE.hardware).where(_TABLE.tenant_id == tenant_id, _TABLE.station_id > after)
    if station_ids is not None:
        query = query.where(one_of(session, _TABLE.station_id, station_ids))
    rows = await session.execute(query.order_by(_TABLE.station_id).limit(limit))
    return [(row[0], ChargingStation.FromString(row[1] or b"")) for row in rows]


async def find_boot_times(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[str, datetime | None]:
    """Return when stations booted last, by our clock; None for those that never did."""
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.boot_time).where(
            _TABLE.tenant_id == tenant_id, one_of(session, _TABLE.station_id, station_ids)
        )
    )
    return {row[0]: row[1] for row in rows}


def order_time_of(time: datetime, receive_time: datetime, boot_time: datetime | None) -> datetime:
    """Return the time by which what a station says of a thing is put in order.

    A clock that runs ahead, or that says the year 9999, must not silence all that follows. And what comes after
    a boot is newer than the boot, also where the station's clock says 1970 or is hours behind: those that it does not
    tell apart are in the order in which they came.

    Args:
        time: By the clock of the station.
        receive_time: When the edge read it.
        boot_time: When the edge read the station's last BootNotification. None: it never booted.
    """
    order_time = min(time, receive_time)
    if boot_time is not None and receive_time >= boot_time:
        return max(order_time, boot_time)
    return order_time


async def names_configuration(session: AsyncSession, tenant_id: str, configuration_id: str) -> bool:
    """Return whether any station names a configuration as its own."""
    named = exists().where(_TABLE.tenant_id == tenant_id, _TABLE.configuration_id == configuration_id)
    return bool(await session.scalar(select(named)))


async def tenant_has_stations(session: AsyncSession, tenant_id: str) -> bool:
    """Return whether a tenant has any station."""
    return bool(await session.scalar(select(exists().where(_TABLE.tenant_id == tenant_id))))


def _is(tenant_id: Any, station_id: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id
