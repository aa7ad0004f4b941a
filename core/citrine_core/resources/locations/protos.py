"""Translation between the rows of locations and EVSEs and the messages of the API."""

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import locations_pb2 as pb
from citrine_core.blocks.availability import AvailabilityRepository
from citrine_core.blocks.provisioning.queries import find_evse_variables
from citrine_core.resources.locations.evse_checks import public_key
from citrine_core.resources.locations.hardware import VARIABLES, fill, hardware_of
from citrine_core.resources.locations.models import Location, LocationEvse
from citrine_core.resources.locations.repository import LocationRepository
from citrine_core.resources.locations.statuses import status_of
from citrine_core.resources.stations.queries import find_presences
from citrine_core.rpc import to_timestamp
from citrine_core.times import set_time

__all__ = ["assign_evse", "assign_location", "open_filled", "show_evses", "show_location", "stored_evse"]


def assign_location(row: Location, given: pb.Location, fields: Collection[str]) -> None:
    """Assign fields of a location to its row; unset fields are cleared."""
    content = pb.Location.FromString(row.content or b"")
    _copy(content, given, fields)
    row.content = content.SerializeToString(deterministic=True)
    row.publish, row.country, row.time_zone = content.publish, content.country, content.time_zone


def assign_evse(row: LocationEvse, given: pb.LocationEvse, fields: Collection[str]) -> None:
    """Assign fields of an EVSE to its row; unset fields are cleared."""
    content = pb.LocationEvse.FromString(row.content or b"")
    _copy(content, given, [name for name in fields if name not in ("station_id", "evse_id")])
    row.content = content.SerializeToString(deterministic=True)
    row.public_key = public_key(content.public_id) or None
    if "station_id" in fields:
        row.station_id = given.station_id or None
    if "evse_id" in fields:
        row.evse_id = given.evse_id or None


def open_filled(given: pb.LocationEvse) -> None:
    """Clear what a caller did not say, but read and sends back: the fields that `filled` names.

    Of connectors, that is each field by itself; one of which nothing else is said goes.
    """
    for name in given.filled.paths:
        if name != "connectors" and name in given.DESCRIPTOR.fields_by_name:
            given.ClearField(name)  # type: ignore[arg-type]  # it is a field
    said = []
    for connector in given.connectors:
        was_filled = bool(connector.filled.paths)
        for name in (*connector.filled.paths, "filled"):
            if name in connector.DESCRIPTOR.fields_by_name and name != "connector_id":
                connector.ClearField(name)  # type: ignore[arg-type]  # it is a field
        if not was_filled or len(connector.ListFields()) > 1:
            said.append(pb.LocationConnector.FromString(connector.SerializeToString()))
    given.ClearField("connectors")
    given.connectors.extend(said)
    given.ClearField("filled")


def show_location(row: Location, evses: Iterable[pb.LocationEvse] = ()) -> pb.Location:
    """Return a location as the API shows it."""
    shown = pb.Location.FromString(row.content)
    shown.location_id, shown.tenant_id, shown.etag = row.location_id, row.tenant_id, str(row.version)
    shown.evses.extend(evses)
    set_time(shown.create_time, row.create_time)
    set_time(shown.update_time, row.update_time)
    return shown


def stored_evse(row: LocationEvse) -> pb.LocationEvse:
    """Return an EVSE as its operator said it, without its status and what its station says."""
    shown = pb.LocationEvse.FromString(row.content)
    shown.MergeFrom(
        pb.LocationEvse(
            uid=row.uid,
            location_id=row.location_id,
            station_id=row.station_id or "",
            evse_id=row.evse_id or 0,
            delete_time=to_timestamp(row.remove_time),
            create_time=to_timestamp(row.create_time),
            update_time=to_timestamp(row.update_time),
            etag=str(row.version),
        )
    )
    return shown


async def show_evses(session: AsyncSession, tenant_id: str, rows: Sequence[LocationEvse]) -> list[pb.LocationEvse]:
    """Return EVSEs as the API shows them: with their status, and what their stations say.

    It executes four statements, whatever the number of EVSEs.
    """
    station_ids = {row.station_id for row in rows if row.station_id is not None}
    presences = await find_presences(session, tenant_id, station_ids)
    reported = await AvailabilityRepository(session).connectors_of(tenant_id, station_ids)
    variables = await find_evse_variables(session, tenant_id, station_ids, VARIABLES)
    locations = await LocationRepository(session).find_all(tenant_id, {row.location_id for row in rows})
    tariffs = {id_: pb.Location.FromString(one.content).tariff_ids for id_, one in locations.items()}
    ordered = sorted(reported, key=lambda one: one.station_id)
    states = {station_id: list(of_one) for station_id, of_one in groupby(ordered, lambda one: one.station_id)}
    found = []
    for row in rows:
        station_id = row.station_id or ""
        of_station = states.get(station_id, [])
        shown = pb.LocationEvse.FromString(row.content)
        if row.evse_id is not None and row.remove_time is None:
            numbers = [one.connector_id for one in of_station if one.evse_id == row.evse_id and one.connector_id > 0]
            hardware = hardware_of(row.evse_id, numbers, variables.get(station_id, ()))
            fill(shown, hardware, tariffs.get(row.location_id, ()))
        known = status_of(row.evse_id, row.remove_time, presences.get(station_id), of_station)
        shown.MergeFrom(
            pb.LocationEvse(
                uid=row.uid,
                location_id=row.location_id,
                station_id=station_id,
                evse_id=row.evse_id or 0,
                status=known.status,
                status_time=to_timestamp(known.since),
                stale_since=to_timestamp(known.stale_since),
                delete_time=to_timestamp(row.remove_time),
                create_time=to_timestamp(row.create_time),
                update_time=to_timestamp(row.update_time),
                etag=str(row.version),
            )
        )
        found.append(shown)
    return found


def _copy(content: Message, given: Message, fields: Collection[str]) -> None:
    said = {descriptor.name: value for descriptor, value in given.ListFields()}
    for name in fields:
        content.ClearField(name)
        if name in said:
            part = type(given)()
            descriptor = given.DESCRIPTOR.fields_by_name[name]
            if descriptor.is_repeated:
                getattr(part, name).extend(said[name])
            elif descriptor.message_type is not None:
                getattr(part, name).CopyFrom(said[name])
            else:
                setattr(part, name, said[name])
            content.MergeFrom(part)
