"""`citrine location evse…`: the EVSEs of locations, as drivers see them."""

from pathlib import Path
from typing import Annotated

import typer

from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.locations_pb2 import (
    ConnectorStandard,
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
from citrine_cli.message_files import read_message
from citrine_words.values import parse_span
from citrine_words.words import count, enum_word, time_word

__all__ = ["add_to", "connector_words"]

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


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of `citrine location`."""
    client_command(app, "evses")(list_evses)
    client_command(app, "evse")(show_evse)
    client_command(app, "add-evse")(add_evse)
    client_command(app, "update-evse")(update_evse)
    client_command(app, "remove-evse")(remove_evse)


def connector_words(evse: LocationEvse) -> str:
    """Return the connectors of an EVSE in short: standard and power of each."""
    words = []
    for one in evse.connectors:
        standard = ConnectorStandard.Name(one.standard).removeprefix("CONNECTOR_STANDARD_") if one.standard else "?"
        power = f" {one.max_electric_power / 1000:g} kW" if one.max_electric_power else ""
        words.append(f"{standard}{power}")
    return ", ".join(words)


async def list_evses(
    client: Client,
    location: Annotated[str, typer.Option("--location", metavar="ID", help="Only at a location.")] = "",
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of a station.")] = "",
    public_id: Annotated[str, typer.Option("--public-id", metavar="ID", help="Only with this id of eMI3.")] = "",
    removed: Annotated[bool, typer.Option("--removed", help="Also those that were removed.")] = False,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only those changed since then.")] = None,
    limit: Limit = 0,
) -> None:
    """List the EVSEs of locations."""
    start, _ = parse_span("--since", since, "", None, past=True)
    request = ListLocationEvsesRequest(
        location_id=location,
        station_id=station,
        public_id=public_id,
        include_deleted=removed,
        update_time=TimeRange(start=start) if start else None,
    )
    pages = collect(client.citrine.locations.ListLocationEvses, request, limit)
    evses = [one async for page in pages for one in page.evses]
    if client.out.as_json:
        client.out.messages(evses)
        return
    client.out.table(
        ["uid", "location", "station", "evse", "public id", "status", "since", "offline since", "connectors"],
        (
            [
                one.uid,
                one.location_id,
                one.station_id,
                count(one.evse_id, zero=""),
                one.public_id,
                enum_word(one, "status"),
                time_word(one, "status_time"),
                time_word(one, "stale_since"),
                connector_words(one),
            ]
            for one in evses
        ),
        empty="no EVSEs",
    )


async def show_evse(client: Client, uid: Uid) -> None:
    """Show an EVSE of a location."""
    one = await client.citrine.locations.GetLocationEvse(GetLocationEvseRequest(uid=uid))
    if client.out.as_json:
        client.out.message(one)
        return
    client.out.facts(
        {
            "uid": one.uid,
            "location": one.location_id,
            "station": one.station_id,
            "evse": count(one.evse_id, zero=""),
            "public id": one.public_id,
            "status": enum_word(one, "status"),
            "since": time_word(one, "status_time"),
            "offline since": time_word(one, "stale_since"),
            "removed": time_word(one, "delete_time"),
            "floor": one.floor_level,
            "reference": one.physical_reference,
            "connectors": connector_words(one),
            "by the station": ", ".join(one.filled.paths),
            "changed": time_word(one, "update_time"),
        }
    )


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
    evse = _evse(file, public_id, station, evse_id, floor, reference)
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
    """Change the fields of an EVSE that options or a file say."""
    evse = _evse(file, public_id, station, evse_id, floor, reference)
    if evse == LocationEvse():
        raise UsageError("there is nothing to change; see --help")
    evse.uid = uid
    updated = await client.citrine.locations.UpdateLocationEvse(UpdateLocationEvseRequest(evse=evse))
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
) -> LocationEvse:
    evse = read_message(file, LocationEvse())
    said = {"public_id": public_id, "station_id": station, "evse_id": evse_id, "floor_level": floor}
    for name, value in {**said, "physical_reference": reference}.items():
        if value is not None:
            setattr(evse, name, value)
            if name in evse.filled.paths:
                evse.filled.paths.remove(name)
    return evse


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
