"""Queries about stations for other packages, and the time that orders the reports of a station."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2.provisioning_pb2 import (
    BOOT_REASON_ENUM_TRIGGERED,
    REGISTRATION_STATUS_ENUM_ACCEPTED,
    REGISTRATION_STATUS_ENUM_PENDING,
    REGISTRATION_STATUS_ENUM_REJECTED,
    ChargingStation,
)
from citrine_core.db.one_of import one_of
from citrine_core.resources.connections.queries import SESSIONS, was_admitted
from citrine_core.resources.stations.client_certificates import ClientCertificates
from citrine_core.resources.stations.models import Station, StationGroup, StationLabel
from citrine_core.resources.stations.selection import stations_selected

__all__ = [
    "BOOTS",
    "GROUPS",
    "IS_DISABLED",
    "LABELS",
    "LABEL_KEYS",
    "PLACES",
    "STATES",
    "Presence",
    "count_stations",
    "find_boot_times",
    "find_hardware",
    "find_locations",
    "find_presences",
    "find_profile",
    "find_station",
    "find_stations_after",
    "find_with_session",
    "has_restarted",
    "is_accepted",
    "is_station",
    "list_hardware",
    "location_has_stations",
    "lock_locations_of",
    "lock_station",
    "may_be_sent_to",
    "names_configuration",
    "never_connected",
    "order_time_of",
    "revoke_client_certificate",
    "tenant_has_stations",
]

_TABLE = Station.__table__.c

BOOTS = select(_TABLE.tenant_id, _TABLE.station_id, _TABLE.registration, _TABLE.boot_time).subquery("boots")
"""Time of each station's last boot and its registration, to be joined by tenant_id and station_id."""

PLACES = select(_TABLE.tenant_id, _TABLE.station_id, _TABLE.location_id).subquery("places")
"""Location of each station, NULL where it stands at none, to be joined by tenant_id and station_id."""

_GROUPS = StationGroup.__table__.c

GROUPS = select(_GROUPS.tenant_id, _GROUPS.station_id, _GROUPS.group_name).subquery("groups_of_stations")
"""Groups of each station, to be joined by tenant_id and station_id."""

_LABELS = StationLabel.__table__.c

LABELS = select(_LABELS.tenant_id, _LABELS.station_id, _LABELS.label_key, _LABELS.label_value).subquery("labels")
"""Labels of each station, to be joined by tenant_id, station_id and label_key."""

LABEL_KEYS = select(_LABELS.tenant_id, _LABELS.station_id, _LABELS.label_key).subquery("keys_of_labels")
"""Keys of the labels of each station, by which some stations are asked for theirs.

SQLite takes an index that has all that is asked for, even if only the tenant is looked up in it: asked for keys and
values of some stations, it reads all labels of the tenant.
"""

STATES = select(
    _TABLE.tenant_id, _TABLE.station_id, _TABLE.location_id, _TABLE.enabled, _TABLE.held_time, _TABLE.registration
).subquery("states")
"""What counts of each station, to be joined by tenant_id and station_id."""

IS_DISABLED = text("NOT states.enabled")
"""The condition of `STATES` that a station may not connect, as an index has it."""

_STATES = ("connected", "pending", "rejected", "not_booted", "offline", "never_seen", "held", "disabled")


async def count_stations(session: AsyncSession) -> dict[str, int]:
    """Return the number of stations of all tenants by state. Each station counts for the first state that applies.

    The states are: disabled; held; connected and accepted, pending, rejected or not booted; offline; never seen.
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


def never_connected(tenant_id: str) -> Select[int]:
    """Return the query of how many stations of a tenant never connected."""
    # Nothing boots without a connection: few stations have not booted.
    query = select(func.count()).select_from(Station.__table__).where(_TABLE.tenant_id == tenant_id)
    return query.where(_TABLE.boot_time.is_(None), ~was_admitted(_TABLE.tenant_id, _TABLE.station_id))


def is_accepted(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that the registration of the station, given by two columns, is Accepted."""
    return exists().where(*_is(tenant_id, station_id), _TABLE.registration == REGISTRATION_STATUS_ENUM_ACCEPTED)


def may_be_sent_to(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that the station, given by two columns, has booted and is not rejected.

    Nothing may be sent to other stations (B03.FR.03).
    """
    return exists().where(*_is(tenant_id, station_id), _TABLE.registration != REGISTRATION_STATUS_ENUM_REJECTED)


def has_restarted(tenant_id: Any, station_id: Any, since: Any) -> ColumnElement[bool]:
    """Return the condition that the station, given by two columns, restarted since a time and is accepted.

    A BootNotification that was requested by TriggerMessage is no restart.
    """
    return exists().where(
        *_is(tenant_id, station_id),
        _TABLE.boot_time > since,
        _TABLE.boot_reason != BOOT_REASON_ENUM_TRIGGERED,
        _TABLE.registration == REGISTRATION_STATUS_ENUM_ACCEPTED,
    )


async def is_station(session: AsyncSession, tenant_id: str, station_id: str) -> bool:
    """Return whether a station with this id exists."""
    return bool(await session.scalar(select(exists().where(*_is(tenant_id, station_id)))))


async def find_station(session: AsyncSession, tenant_id: str, station_id: str) -> Station | None:
    """Return a station for reading only; None if there is none with this id."""
    return await session.get(Station, (tenant_id, station_id))


async def find_with_session(
    session: AsyncSession, tenant_id: str, station_id: str, *, lock: bool = False
) -> Row[*tuple[Any, ...]] | None:
    """Return the registration of a station and its newest session; None if there is no such station.

    The session's columns are is_open, edge_id, epoch, admit_time and close_time; all are None if the station never
    connected. With lock, the station is not deleted before the commit.
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
    """Lock a station until the commit; return False if there is no such station."""
    query = select(_TABLE.station_id).where(*_is(tenant_id, station_id)).with_for_update(key_share=True)
    return await session.scalar(query) is not None


async def find_hardware(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[str, ChargingStation]:
    """Return the hardware that stations reported at their last boot, by station; only of stations that exist."""
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.hardware).where(
            _TABLE.tenant_id == tenant_id, one_of(_TABLE.station_id, station_ids)
        )
    )
    return {row[0]: ChargingStation.FromString(row[1] or b"") for row in rows}


async def list_hardware(
    session: AsyncSession,
    tenant_id: str,
    station_ids: Collection[str] | None,
    selector: StationSelector,
    *,
    after: str,
    limit: int,
) -> Sequence[tuple[str, ChargingStation]]:
    """Return the hardware that selected stations reported, by id, after a given id; of any ids if none are given."""
    query = select(_TABLE.station_id, _TABLE.hardware).where(_TABLE.tenant_id == tenant_id, _TABLE.station_id > after)
    if station_ids is not None:
        query = query.where(one_of(_TABLE.station_id, station_ids))
    query = query.where(*stations_selected(tenant_id, _TABLE.station_id, selector, after))
    rows = await session.execute(query.order_by(_TABLE.station_id).limit(limit))
    return [(row[0], ChargingStation.FromString(row[1] or b"")) for row in rows]


async def find_profile(session: AsyncSession, tenant_id: str, station_id: str) -> Row[*tuple[Any, ...]] | None:
    """Return the security profile, the pinned certificate and the last boot of a station; None if there is none.

    The columns are security_profile, certificate_sha256 and boot_time.
    """
    columns = (_TABLE.security_profile, _TABLE.certificate_sha256, _TABLE.boot_time)
    return (await session.execute(select(*columns).where(*_is(tenant_id, station_id)))).one_or_none()


async def find_boot_times(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[str, datetime | None]:
    """Return when stations last booted, by our clock; None for stations that never did."""
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.boot_time).where(
            _TABLE.tenant_id == tenant_id, one_of(_TABLE.station_id, station_ids)
        )
    )
    return {row[0]: row[1] for row in rows}


def order_time_of(time: datetime, receive_time: datetime, boot_time: datetime | None) -> datetime:
    """Return the time that orders the reports of a station about one thing.

    A clock that is ahead, even at the year 9999, must not hide all later reports: the time is at most `receive_time`.
    And a report after a boot must be newer than the boot, even if the station's clock is at 1970 or hours behind.
    Reports that get the same time are ordered by arrival.

    Args:
        time: Time of the report, by the clock of the station.
        receive_time: When the edge read the report.
        boot_time: When the edge read the station's last BootNotification. None: it never booted.
    """
    order_time = min(time, receive_time)
    if boot_time is not None and receive_time >= boot_time:
        return max(order_time, boot_time)
    return order_time


class Presence(NamedTuple):
    """Whether a station may connect, and does."""

    enabled: bool
    is_open: bool
    """Whether it is connected."""
    was_connected: bool
    """Whether it ever was, or tried to."""
    offline_since: datetime | None
    """When its last session closed, or was admitted and did not open. None: it is connected, or never was."""


async def find_presences(session: AsyncSession, tenant_id: str, station_ids: Collection[str]) -> dict[str, Presence]:
    """Return whether stations may connect and are connected; only of stations that exist."""
    stations = Station.metadata.tables["stations"]
    same = and_(
        SESSIONS.c.tenant_id == _TABLE.tenant_id,
        SESSIONS.c.station_id == _TABLE.station_id,
        # Others are of a station that had the id before.
        SESSIONS.c.admit_time >= _TABLE.create_time,
    )
    since = func.coalesce(SESSIONS.c.close_time, SESSIONS.c.admit_time)
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.enabled, SESSIONS.c.is_open, since)
        .select_from(stations.outerjoin(SESSIONS, same))
        .where(_TABLE.tenant_id == tenant_id, one_of(_TABLE.station_id, station_ids))
    )
    return {
        station_id: Presence(enabled, bool(is_open), is_open is not None, None if is_open else since)
        for station_id, enabled, is_open, since in rows
    }


async def find_locations(session: AsyncSession, tenant_id: str, station_ids: Collection[str]) -> dict[str, str | None]:
    """Return the locations of those of the stations that exist; None: it stands at none."""
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.location_id).where(
            _TABLE.tenant_id == tenant_id, one_of(_TABLE.station_id, station_ids)
        )
    )
    return {row[0]: row[1] for row in rows}


async def find_stations_after(session: AsyncSession, after: tuple[str, str], limit: int) -> Sequence[tuple[str, str]]:
    """Return stations of all tenants after one (tenant and id), in the order of these."""
    key = (_TABLE.tenant_id, _TABLE.station_id)
    rows = await session.execute(select(*key).where(tuple_(*key) > after).order_by(*key).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def lock_locations_of(session: AsyncSession, tenant_id: str, station_ids: Collection[str]) -> dict[str, str]:
    """Return the locations of those of the stations that stand at one. They stand there until the commit."""
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.location_id)
        .where(_TABLE.tenant_id == tenant_id, one_of(_TABLE.station_id, station_ids), _TABLE.location_id.is_not(None))
        .order_by(_TABLE.station_id)
        .with_for_update(read=True, key_share=True)
    )
    return {row[0]: row[1] for row in rows}


async def location_has_stations(session: AsyncSession, tenant_id: str, location_id: str) -> bool:
    """Return whether any station stands at a location."""
    stands = exists().where(_TABLE.tenant_id == tenant_id, _TABLE.location_id == location_id)
    return bool(await session.scalar(select(stands)))


async def names_configuration(session: AsyncSession, tenant_id: str, configuration_id: str) -> bool:
    """Return whether a configuration was chosen for any station."""
    named = exists().where(_TABLE.tenant_id == tenant_id, _TABLE.configuration_id == configuration_id)
    return bool(await session.scalar(select(named)))


async def tenant_has_stations(session: AsyncSession, tenant_id: str) -> bool:
    """Return whether a tenant has any station."""
    return bool(await session.scalar(select(exists().where(_TABLE.tenant_id == tenant_id))))


def _is(tenant_id: Any, station_id: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id


async def revoke_client_certificate(
    session: AsyncSession, tenant_id: str, station_id: str, sha256: str, now: datetime
) -> bool:
    """Refuse a certificate that a station connected with, from now on; return False if it never did."""
    return await ClientCertificates(session).revoke(tenant_id, station_id, sha256, now)
