"""`citrine location evse…`: the EVSEs of locations, as drivers see them."""

from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.locations_pb2 import (
    CreateLocationEvseRequest,
    DeleteLocationEvseRequest,
    GetLocationEvseRequest,
    ListLocationEvsesRequest,
    LocationEvse,
    UpdateLocationEvseRequest,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import UsageError
from citrine_cli.filters import LocationsChanged, changed_since
from citrine_cli.location_views import show_evse_facts, show_evses
from citrine_cli.message_files import read_named

__all__ = ["add_to"]

Uid = Annotated[str, typer.Argument(metavar="UID", help="Uid of the EVSE.")]
File = Annotated[
    Path | None,
    typer.Option("--file", metavar="PATH", help="JSON as evse --json prints it; - is stdin. Options go before it."),
]
PublicId = Annotated[str | None, typer.Option("--public-id", metavar="ID", help="Of eMI3, as NL*TNM*E1234*1.")]
Floor = Annotated[str | None, typer.Option("--floor", metavar="TEXT", help="Level in a garage.")]
Reference = Annotated[str | None, typer.Option("--reference", metavar="TEXT", help="What is printed on it.")]
StationOf = Annotated[str | None, typer.Option("--station", metavar="ID", help="Station that it is a part of.")]
Number = Annotated[int | None, typer.Option("--evse", metavar="N", help="Its number within the station.")]

_NOT_TO_CHANGE = {"uid", "location_id", "status", "status_time", "stale_since", "filled", "delete_time"} | {
    *("create_time", "update_time", "etag"),
}
"""Fields that a file may have, as `evse --json` prints them, and that an update does not change."""


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of `citrine location`."""
    client_command(app, "evses")(list_evses)
    client_command(app, "evse")(show_evse)
    client_command(app, "add-evse")(add_evse)
    client_command(app, "update-evse")(update_evse)
    client_command(app, "remove-evse")(remove_evse)


async def list_evses(
    client: Client,
    location: Annotated[str, typer.Option("--location", metavar="ID", help="Only at a location.")] = "",
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of a station.")] = "",
    public_id: Annotated[str, typer.Option("--public-id", metavar="ID", help="Only with this id of eMI3.")] = "",
    removed: Annotated[bool, typer.Option("--removed", help="Also those that were removed.")] = False,
    changed: LocationsChanged = "",
    limit: Limit = 0,
) -> None:
    """List the EVSEs of locations."""
    request = ListLocationEvsesRequest(
        location_id=location,
        station_id=station,
        public_id=public_id,
        include_deleted=removed,
        update_time=changed_since(changed),
    )
    pages = collect(client.citrine.locations.ListLocationEvses, request, limit)
    evses = [one async for page in pages for one in page.evses]
    if client.out.as_json:
        client.out.messages(evses)
        return
    show_evses(client.out, evses)


async def show_evse(client: Client, uid: Uid) -> None:
    """Show an EVSE of a location."""
    one = await client.citrine.locations.GetLocationEvse(GetLocationEvseRequest(uid=uid))
    if client.out.as_json:
        client.out.message(one)
        return
    show_evse_facts(client.out, one)


async def add_evse(
    client: Client,
    location_id: Annotated[str, typer.Argument(metavar="LOCATION", help="Name of the location.")],
    uid: Annotated[str, typer.Option("--uid", metavar="UID", help="For good; without it one is chosen.")] = "",
    file: File = None,
    public_id: PublicId = None,
    station: StationOf = None,
    evse_id: Number = None,
    floor: Floor = None,
    reference: Reference = None,
) -> None:
    """Add an EVSE to a location before its station reports it."""
    evse, _ = _evse(file, public_id, station, evse_id, floor, reference)
    evse.location_id, evse.uid = location_id, uid
    created = await client.citrine.locations.CreateLocationEvse(CreateLocationEvseRequest(evse=evse))
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"EVSE {created.uid} added to location {created.location_id}")


async def update_evse(
    client: Client,
    uid: Uid,
    file: File = None,
    public_id: PublicId = None,
    station: StationOf = None,
    evse_id: Number = None,
    floor: Floor = None,
    reference: Reference = None,
) -> None:
    """Change the fields of an EVSE that options or a file say; "" empties one, and leaves it to the station."""
    evse, named = _evse(file, public_id, station, evse_id, floor, reference)
    evse.uid = uid
    changed = [name for name in named if name not in _NOT_TO_CHANGE]
    if not changed:
        raise UsageError("there is nothing to change; see --help")
    request = UpdateLocationEvseRequest(evse=evse, update_mask=FieldMask(paths=changed))
    updated = await client.citrine.locations.UpdateLocationEvse(request)
    if client.out.as_json:
        client.out.message(updated)
        return
    client.out.line(f"EVSE {uid} updated")


def _evse(
    file: Path | None,
    public_id: str | None,
    station: str | None,
    evse_id: int | None,
    floor: str | None,
    reference: str | None,
) -> tuple[LocationEvse, list[str]]:
    """Return an EVSE as options and a file say it, and the names of the fields that they say something of."""
    evse, named = read_named(file, LocationEvse())
    if station == "" and evse_id is None:
        # One without a station has no number in it.
        evse_id = 0
    said = {"public_id": public_id, "station_id": station, "evse_id": evse_id, "floor_level": floor}
    for name, value in {**said, "physical_reference": reference}.items():
        if value is not None:
            setattr(evse, name, value)
            named.append(name)
            if name in evse.filled.paths:
                evse.filled.paths.remove(name)
    return evse, list(dict.fromkeys(named))


async def remove_evse(client: Client, uid: Uid, yes: Yes = False) -> None:
    """Remove an EVSE from its location; its uid is not used again."""
    await ask_consent(
        f"remove EVSE {uid}?",
        yes=yes,
        look=lambda: client.citrine.locations.GetLocationEvse(GetLocationEvseRequest(uid=uid)),
    )
    answer = await client.citrine.locations.DeleteLocationEvse(DeleteLocationEvseRequest(uid=uid))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"EVSE {uid} removed")
