"""`citrine location`: the sites where stations stand, and the EVSEs at them."""

from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.locations_pb2 import (
    CreateLocationRequest,
    DeleteLocationRequest,
    GetLocationRequest,
    ListLocationsRequest,
    Location,
    UpdateLocationRequest,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.commands import location_evses
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import UsageError
from citrine_cli.filters import LocationsChanged, changed_since
from citrine_cli.location_views import show_evses, show_location_facts
from citrine_cli.message_files import read_named
from citrine_words.words import time_word

__all__ = ["build"]

Id = Annotated[str, typer.Argument(metavar="ID", help="Name of the location.")]
File = Annotated[
    Path | None,
    typer.Option("--file", metavar="PATH", help="JSON as show --json prints it; - is stdin. Options go before it."),
]
Name = Annotated[str | None, typer.Option("--name", metavar="TEXT", help="For people.")]
Address = Annotated[str | None, typer.Option("--address", metavar="TEXT", help="Street and number.")]
City = Annotated[str | None, typer.Option("--city", metavar="TEXT", help="City or town.")]
PostalCode = Annotated[str | None, typer.Option("--postal-code", metavar="CODE", help="Postal code.")]
Country = Annotated[str | None, typer.Option("--country", metavar="CODE", help="ISO 3166-1 alpha-3, as NLD.")]
Coordinates = Annotated[
    str | None, typer.Option("--at", metavar="LAT,LONG", help="Decimal degrees, 5 to 7 decimals: 51.047599,3.729944.")
]
Zone = Annotated[str | None, typer.Option("--time-zone", metavar="ZONE", help="Like Europe/Brussels.")]
Publish = Annotated[bool | None, typer.Option("--publish/--hide", help="Show it to anybody, or not.")]
Tariffs = Annotated[
    list[str] | None, typer.Option("--tariff", metavar="ID", help="Tariff that is shown for its connectors; repeat it.")
]

_NOT_TO_CHANGE = {"location_id", "tenant_id", "evses", "create_time", "update_time", "etag"}
"""Fields that a file may have, as `show --json` prints them, and that an update does not change."""


def build() -> typer.Typer:
    """Return the commands of `citrine location`."""
    app = typer.Typer(help="Locations: the sites where stations stand, and the EVSEs at them.")
    client_command(app, "add")(add_location)
    client_command(app, "list")(list_locations)
    client_command(app, "show")(show_location)
    client_command(app, "update")(update_location)
    client_command(app, "remove")(remove_location)
    location_evses.add_to(app)
    return app


async def add_location(
    client: Client,
    location_id: Id,
    file: File = None,
    name: Name = None,
    address: Address = None,
    city: City = None,
    postal_code: PostalCode = None,
    country: Country = None,
    coordinates: Coordinates = None,
    time_zone: Zone = None,
    publish: Publish = None,
    tariffs: Tariffs = None,
) -> None:
    """Add a location from options, or with all that OCPI knows from a file.

    Stations are put there by `citrine station update`.
    """
    location, _ = _location(
        location_id, file, name, address, city, postal_code, country, coordinates, time_zone, publish, tariffs
    )
    created = await client.citrine.locations.CreateLocation(CreateLocationRequest(location=location))
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"location {created.location_id} added")


async def update_location(
    client: Client,
    location_id: Id,
    file: File = None,
    name: Name = None,
    address: Address = None,
    city: City = None,
    postal_code: PostalCode = None,
    country: Country = None,
    coordinates: Coordinates = None,
    time_zone: Zone = None,
    publish: Publish = None,
    tariffs: Tariffs = None,
) -> None:
    """Change the fields of a location that options or a file say; "" empties one."""
    location, named = _location(
        location_id, file, name, address, city, postal_code, country, coordinates, time_zone, publish, tariffs
    )
    changed = [name for name in named if name not in _NOT_TO_CHANGE]
    if not changed:
        raise UsageError("there is nothing to change; see --help")
    request = UpdateLocationRequest(location=location, update_mask=FieldMask(paths=changed))
    updated = await client.citrine.locations.UpdateLocation(request)
    if client.out.as_json:
        client.out.message(updated)
        return
    client.out.line(f"location {location_id} updated")


def _location(
    location_id: str,
    file: Path | None,
    name: str | None,
    address: str | None,
    city: str | None,
    postal_code: str | None,
    country: str | None,
    coordinates: str | None,
    time_zone: str | None,
    publish: bool | None,
    tariffs: list[str] | None,
) -> tuple[Location, list[str]]:
    """Return a location as options and a file say it, and the names of the fields that they say something of."""
    location, named = read_named(file, Location())
    location.location_id = location_id
    texts = {"name": name, "address": address, "city": city, "postal_code": postal_code}
    said: dict[str, str | bool | None] = {**texts, "country": country, "time_zone": time_zone, "publish": publish}
    for field, value in said.items():
        if value is not None:
            setattr(location, field, value)
            named.append(field)
    if coordinates is not None:
        latitude, comma, longitude = coordinates.partition(",")
        if not comma:
            raise UsageError(f"--at: {coordinates!r} is not LAT,LONG")
        location.coordinates.latitude, location.coordinates.longitude = latitude.strip(), longitude.strip()
        named.append("coordinates")
    if tariffs:
        location.tariff_ids[:] = filter(None, tariffs)
        named.append("tariff_ids")
    return location, list(dict.fromkeys(named))


async def list_locations(
    client: Client,
    published: Annotated[bool, typer.Option("--published", help="Only those that are shown to anybody.")] = False,
    country: Annotated[str, typer.Option("--country", metavar="CODE", help="Only of a country, as NLD.")] = "",
    changed: LocationsChanged = "",
    evses: Annotated[bool, typer.Option("--evses", help="With --json, also their EVSEs.")] = False,
    limit: Limit = 0,
) -> None:
    """List the locations."""
    request = ListLocationsRequest(
        published_only=published,
        country=country,
        include_evses=evses,
        update_time=changed_since(changed),
    )
    pages = collect(client.citrine.locations.ListLocations, request, limit)
    locations = [one async for page in pages for one in page.locations]
    if client.out.as_json:
        client.out.messages(locations)
        return
    client.out.table(
        ["location", "name", "address", "city", "country", "time zone", "published", "changed"],
        (
            [
                one.location_id,
                one.name,
                one.address,
                one.city,
                one.country,
                one.time_zone,
                "yes" if one.publish else "no",
                time_word(one, "update_time"),
            ]
            for one in locations
        ),
        empty="no locations",
    )


async def show_location(client: Client, location_id: Id) -> None:
    """Show a location with its EVSEs."""
    location = await client.citrine.locations.GetLocation(GetLocationRequest(location_id=location_id))
    if client.out.as_json:
        client.out.message(location)
        return
    show_location_facts(client.out, location)
    show_evses(client.out, location.evses, of_location=True)


async def remove_location(client: Client, location_id: Id, yes: Yes = False) -> None:
    """Remove a location where no stations stand."""
    await ask_consent(
        f"remove location {location_id}?",
        yes=yes,
        look=lambda: client.citrine.locations.GetLocation(GetLocationRequest(location_id=location_id)),
    )
    answer = await client.citrine.locations.DeleteLocation(DeleteLocationRequest(location_id=location_id))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"location {location_id} removed")
