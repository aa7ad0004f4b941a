"""Where stations stand, for other packages: EVSEs that come and go with them, and their time zones."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, cast, func, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import locations_pb2 as location_pb
from citrine.events.v1.events_pb2 import Event, LocationChanged
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, one_of
from citrine_core.db.changes import change_time
from citrine_core.ids import new_id
from citrine_core.resources.locations.models import Location, LocationEvse
from citrine_core.resources.locations.repository import EvseRepository, LocationRepository
from citrine_core.resources.stations.queries import GROUPS, LABEL_KEYS, LABELS, PLACES, lock_locations_of
from citrine_core.rpc import to_timestamp

__all__ = [
    "NOWHERE",
    "NO_LOCATION_ZONE",
    "Place",
    "described",
    "enrol_evses",
    "evse_at",
    "find_evses",
    "find_locations",
    "find_places",
    "find_sites",
    "find_time_zones",
    "find_zones",
    "is_in_zone",
    "list_time_zones",
    "location_changed",
    "move_station",
    "retain_location",
    "retire_evses",
]

NO_LOCATION_ZONE = "UTC"
"""Time zone of a station that stands at no location."""


class Left(NamedTuple):
    """A location at which an EVSE of a station was removed, as the station left it."""

    time: datetime
    location_id: str
    time_zone: str


class Place(NamedTuple):
    """Where a station stands."""

    location_id: str = ""
    """Empty: at no location."""
    time_zone: str = ""
    """Of the location."""
    groups: tuple[str, ...] = ()
    """Groups that the station is in."""
    labels: Mapping[str, str] = MappingProxyType({})
    left: tuple[Left, ...] = ()
    """What it left before."""

    def at(self, time: datetime) -> "Place":
        """Return where it stood at a time, as far as its EVSEs were known there; with the groups and labels of now."""
        left = min((one for one in self.left if one.time > time), default=None)
        return self if left is None else self._replace(location_id=left.location_id, time_zone=left.time_zone)


NOWHERE = Place()

_STANDS_THERE = and_(Location.tenant_id == PLACES.c.tenant_id, Location.location_id == PLACES.c.location_id)


async def enrol_evses(work: UnitOfWork, tenant_id: str, evses: Collection[tuple[str, int]], clock: Clock) -> None:
    """Add EVSEs that stations report for the first time, by station and number, to the locations of the stations.

    One whose station stands nowhere is added when it is placed.
    """
    locations = await lock_locations_of(work.session, tenant_id, {station_id for station_id, _ in evses})
    placed = [(locations[one[0]], *one) for one in sorted(set(evses)) if one[0] in locations and one[1] > 0]
    if placed:
        await _add(work, tenant_id, placed, clock)


async def move_station(
    work: UnitOfWork, tenant_id: str, station_id: str, location_id: str | None, evse_ids: Iterable[int], clock: Clock
) -> None:
    """Have the EVSEs of a station end at other locations, and add them to the one where it stands from now on.

    The caller has locked the station.

    Args:
        work: The unit of work to write in.
        tenant_id: Tenant of the station.
        station_id: The station.
        location_id: Where it stands. None: nowhere.
        evse_ids: Numbers of the EVSEs that it reported.
        clock: The core's clock.

    Raises:
        NotFound: When there is no such location.
    """
    if location_id is not None:
        await LocationRepository(work.session).retain(tenant_id, location_id)
    await retire_evses(work, tenant_id, station_id, clock, but_at=location_id)
    if location_id is not None:
        await _add(work, tenant_id, [(location_id, station_id, one) for one in sorted(set(evse_ids)) if one > 0], clock)


async def retire_evses(
    work: UnitOfWork, tenant_id: str, station_id: str, clock: Clock, *, but_at: str | None = None
) -> None:
    """Have the EVSEs of a station end, as it moves or is deleted; but not those at one location."""
    there = await EvseRepository(work.session).of_station(tenant_id, station_id)
    ending = [row for row in there if row.location_id != but_at]
    if not ending:
        return
    now = await change_time(work.session, clock)
    for row in ending:
        row.remove_time = row.update_time = now
        row.version += 1
        location_changed(work, tenant_id, row.location_id, LocationChanged.KIND_DELETED, now, row.uid, station_id)
    await LocationRepository(work.session).touch(tenant_id, {row.location_id for row in ending}, now)


async def find_time_zones(session: AsyncSession, tenant_id: str, station_ids: Collection[str]) -> dict[str, str]:
    """Return the time zones of the locations of those of the stations that stand at one."""
    rows = await session.execute(
        select(PLACES.c.station_id, Location.time_zone)
        .join_from(PLACES, Location, _STANDS_THERE)
        .where(PLACES.c.tenant_id == tenant_id, one_of(PLACES.c.station_id, station_ids))
    )
    return {row[0]: row[1] for row in rows}


async def find_zones(session: AsyncSession, tenant_id: str, location_ids: Collection[str]) -> dict[str, str]:
    """Return the time zones of those of the locations that exist."""
    rows = await session.execute(
        select(Location.location_id, Location.time_zone).where(
            Location.tenant_id == tenant_id, one_of(Location.location_id, location_ids)
        )
    )
    return {row[0]: row[1] for row in rows}


async def find_places(session: AsyncSession, tenant_id: str, station_ids: Collection[str]) -> dict[str, Place]:
    """Return where those stations stand and stood that are or were somewhere, their groups and labels, in one query."""
    site, label = (Location.location_id, Location.time_zone), (LABELS.c.label_key, LABELS.c.label_value)
    never = cast(null(), LocationEvse.remove_time.type)
    grouped = and_(GROUPS.c.tenant_id == PLACES.c.tenant_id, GROUPS.c.station_id == PLACES.c.station_id)
    sited = (
        select(PLACES.c.station_id, *site, GROUPS.c.group_name, null(), null(), never)
        .select_from(PLACES)
        .outerjoin(Location, _STANDS_THERE)
        .outerjoin(GROUPS, grouped)
        .where(PLACES.c.tenant_id == tenant_id, one_of(PLACES.c.station_id, station_ids))
    )
    # Rows of their own, lest there is one for each pair of a group and a label.
    labelled = (
        select(LABELS.c.station_id, null(), null(), null(), *label, never)
        .join_from(LABEL_KEYS, LABELS, and_(*(LABELS.c[name] == column for name, column in LABEL_KEYS.c.items())))
        .where(LABEL_KEYS.c.tenant_id == tenant_id, one_of(LABEL_KEYS.c.station_id, station_ids))
    )
    there = and_(Location.tenant_id == LocationEvse.tenant_id, Location.location_id == LocationEvse.location_id)
    left = (
        select(LocationEvse.station_id, *site, null(), null(), null(), LocationEvse.remove_time)
        .join(Location, there)
        .where(
            LocationEvse.tenant_id == tenant_id,
            one_of(LocationEvse.station_id, station_ids),
            LocationEvse.remove_time.is_not(None),
        )
    )
    found: dict[str, Place] = {}
    labels: dict[str, dict[str, str]] = {}
    rows = await session.execute(union_all(sited, labelled, left))
    for station_id, location_id, time_zone, group, key, value, remove_time in rows:
        place = found.get(station_id, NOWHERE)
        if key is not None:
            labels.setdefault(station_id, {})[key] = value
        elif remove_time is not None:
            found[station_id] = place._replace(left=(*place.left, Left(remove_time, location_id, time_zone)))
        else:
            groups = place.groups if group is None else (*place.groups, group)
            found[station_id] = place._replace(location_id=location_id or "", time_zone=time_zone or "", groups=groups)
    return found | {each: found.get(each, NOWHERE)._replace(labels=own) for each, own in labels.items()}


async def retain_location(session: AsyncSession, tenant_id: str, location_id: str) -> None:
    """Keep a location from being deleted until the commit.

    Raises:
        NotFound: When there is none of this id.
    """
    await LocationRepository(session).retain(tenant_id, location_id)


async def find_sites(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[str, location_pb.Location]:
    """Return the locations of those of the stations that stand at one, as operators describe them."""
    rows = await session.execute(
        select(PLACES.c.station_id, Location.location_id, Location.content)
        .join_from(PLACES, Location, _STANDS_THERE)
        .where(PLACES.c.tenant_id == tenant_id, one_of(PLACES.c.station_id, station_ids))
    )
    found: dict[str, location_pb.Location] = {}
    for station_id, location_id, content in rows:
        found[station_id] = location_pb.Location.FromString(content)
        found[station_id].location_id = location_id
    return found


async def find_locations(
    session: AsyncSession, tenant_id: str, location_ids: Collection[str]
) -> dict[str, location_pb.Location]:
    """Return those of the locations that exist, as operators describe them."""
    found: dict[str, location_pb.Location] = {}
    for location_id, row in (await LocationRepository(session).find_all(tenant_id, location_ids)).items():
        found[location_id] = location_pb.Location.FromString(row.content)
        found[location_id].location_id = location_id
    return found


async def find_evses(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[str, list[LocationEvse]]:
    """Return the EVSEs that stations have at their location, and had where they stood before, by station."""
    rows = await session.scalars(
        select(LocationEvse).where(LocationEvse.tenant_id == tenant_id, one_of(LocationEvse.station_id, station_ids))
    )
    found: dict[str, list[LocationEvse]] = {}
    for row in rows:
        found.setdefault(row.station_id or "", []).append(row)
    return found


def described(row: LocationEvse) -> location_pb.LocationEvse:
    """Return an EVSE as operators describe it."""
    found = location_pb.LocationEvse.FromString(row.content)
    found.uid = row.uid
    return found


def evse_at(evses: Iterable[LocationEvse], evse_id: int | None, time: datetime) -> LocationEvse | None:
    """Return the EVSE of a number that was at its location at a time; any of the station if there is none of it.

    It is the one that was removed first since. When each was added does not count: that may be later than its station.
    """
    there = [row for row in evses if row.remove_time is None or row.remove_time > time]
    there.sort(key=lambda row: (row.evse_id != evse_id, row.remove_time is None, row.remove_time or time))
    return there[0] if there else None


async def list_time_zones(session: AsyncSession, tenant_id: str) -> set[str]:
    """Return all time zones that stations of a tenant may be in."""
    zones = await session.scalars(select(Location.time_zone).where(Location.tenant_id == tenant_id).distinct())
    return {NO_LOCATION_ZONE, *zones}


def is_in_zone(tenant_id: Any, station_id: Any, zones: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that the station of two columns is in one of some time zones."""
    is_it = (PLACES.c.tenant_id == tenant_id, PLACES.c.station_id == station_id)
    zone = select(Location.time_zone).join_from(PLACES, Location, _STANDS_THERE).where(*is_it).scalar_subquery()
    return func.coalesce(zone, NO_LOCATION_ZONE).in_(sorted(zones))


def location_changed(
    work: UnitOfWork,
    tenant_id: str,
    location_id: str,
    kind: LocationChanged.Kind.ValueType,
    time: datetime,
    uid: str = "",
    station_id: str | None = None,
    location: location_pb.Location | None = None,
    evse: location_pb.LocationEvse | None = None,
) -> None:
    """Tell of a change of a location, or of one of its EVSEs by its uid; which of them is given, unless it is gone."""
    body = LocationChanged(
        location_id=location_id,
        evse_uid=uid,
        kind=kind,
        update_time=to_timestamp(time),
        location=location,
        evse=evse,
    )
    work.emit(Event(tenant_id=tenant_id, station_id=station_id or "", location_changed=body))


async def _add(work: UnitOfWork, tenant_id: str, placed: Iterable[tuple[str, str, int]], clock: Clock) -> None:
    new = {new_id(): one for one in placed}
    if not new:
        return
    now = await change_time(work.session, clock)
    rows = [(uid, *one) for uid, one in new.items()]
    added = await EvseRepository(work.session).add_all(tenant_id, rows, now)
    for uid in sorted(added):
        location_id, station_id, evse_id = new[uid]
        evse = location_pb.LocationEvse(
            uid=uid,
            location_id=location_id,
            station_id=station_id,
            evse_id=evse_id,
            create_time=to_timestamp(now),
            update_time=to_timestamp(now),
            etag="1",
        )
        location_changed(work, tenant_id, location_id, LocationChanged.KIND_CREATED, now, uid, station_id, evse=evse)
    if added:
        await LocationRepository(work.session).touch(tenant_id, {new[uid][0] for uid in added}, now)
