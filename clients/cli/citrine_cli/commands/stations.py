"""`citrine station`: the charging stations of a tenant."""

from typing import Annotated

import typer

from citrine.api.v1.stations_pb2 import (
    BOOT_POLICY_ACCEPTED,
    BOOT_POLICY_PENDING,
    BOOT_POLICY_REJECTED,
    CreateStationRequest,
    DeleteStationRequest,
    GetStationRequest,
    ListStationsRequest,
    SetStationPasswordRequest,
    Station,
)
from citrine_cli.client import Client, client_command, collect
from citrine_cli.errors import UsageError
from citrine_cli.words import enum_word, number, time_word

__all__ = ["NAME", "build"]

NAME = "station"

StationId = Annotated[str, typer.Argument(metavar="ID", help="Name of the station, as in its URL.")]
Password = Annotated[
    str | None, typer.Option("--password", metavar="P", help="16 to 64 characters. Without it one is generated.")
]
_POLICIES = {"--accept": BOOT_POLICY_ACCEPTED, "--pending": BOOT_POLICY_PENDING, "--reject": BOOT_POLICY_REJECTED}


def build() -> typer.Typer:
    """Return the commands of `citrine station`."""
    app = typer.Typer(help="Charging stations: add, list, show, set-password, remove.")
    client_command(app, "add")(add_station)
    client_command(app, "list")(list_stations)
    client_command(app, "show")(show_station)
    client_command(app, "set-password")(set_password)
    client_command(app, "remove")(remove_station)
    return app


def _tell_password(client: Client, generated: str) -> None:
    if generated:
        client.out.line(f"password: {generated}")
        client.out.line("It is shown only now.", style="dim")


async def add_station(
    client: Client,
    station_id: StationId,
    password: Password = None,
    no_password: Annotated[bool, typer.Option("--no-password", help="Let it connect without a password.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Answer its BootNotification Accepted (default).")] = False,
    pending: Annotated[bool, typer.Option("--pending", help="Answer its BootNotification Pending.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Answer its BootNotification Rejected.")] = False,
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="For people.")] = "",
) -> None:
    """Register a station, and print its password where it is generated."""
    chosen = [name for name, given in zip(_POLICIES, (accept, pending, reject), strict=True) if given]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other")
    if no_password and password:
        raise UsageError("--password and --no-password exclude each other")
    station = Station(
        station_id=station_id,
        boot_policy=_POLICIES[chosen[0]] if chosen else BOOT_POLICY_ACCEPTED,
        allow_no_password=no_password,
        description=description,
    )
    request = CreateStationRequest(station=station, password=password or "")
    created = await client.citrine.stations.CreateStation(request)
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"station {created.station.station_id} added to tenant {created.station.tenant_id}")
    _tell_password(client, created.generated_password)


async def list_stations(
    client: Client,
    connected: Annotated[bool, typer.Option("--connected", help="Only those with an open websocket.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the stations."""
    request = ListStationsRequest(connected_only=connected)
    pages = collect(client.citrine.stations.ListStations, request, limit)
    stations = [station async for page in pages for station in page.stations]
    if client.out.as_json:
        client.out.messages(stations)
        return
    client.out.table(
        ["station", "connected", "version", "registration", "vendor", "model", "last seen"],
        (
            [
                station.station_id,
                "yes" if station.connected else "no",
                station.ocpp_version,
                enum_word(station, "registration"),
                station.hardware.vendor_name,
                station.hardware.model,
                time_word(station, "last_seen_time"),
            ]
            for station in stations
        ),
        empty="no stations",
    )


async def show_station(client: Client, station_id: StationId) -> None:
    """Show a station with its EVSEs and connectors."""
    station = await client.citrine.stations.GetStation(GetStationRequest(station_id=station_id))
    if client.out.as_json:
        client.out.message(station)
        return
    client.out.facts(
        {
            "station": station.station_id,
            "tenant": station.tenant_id,
            "description": station.description,
            "connected": "yes" if station.connected else "no",
            "version": station.ocpp_version,
            "enabled": "no" if station.HasField("enabled") and not station.enabled else "yes",
            "boot policy": enum_word(station, "boot_policy"),
            "boot interval": number(station, "boot_interval"),
            "registration": enum_word(station, "registration"),
            "password": "not needed" if station.allow_no_password else "",
            "vendor": station.hardware.vendor_name,
            "model": station.hardware.model,
            "serial number": station.hardware.serial_number,
            "firmware": station.hardware.firmware_version,
            "booted": time_word(station, "boot_time"),
            "last seen": time_word(station, "last_seen_time"),
            "created": time_word(station, "create_time"),
        }
    )
    rows = [
        [str(evse.evse_id), str(plug.connector_id), enum_word(plug, "status"), time_word(plug, "status_time")]
        for evse in station.evses
        for plug in evse.connectors
    ]
    client.out.table(["evse", "connector", "status", "since"], rows, empty="no connectors reported")


async def set_password(client: Client, station_id: StationId, password: Password = None) -> None:
    """Replace the password that a station must give; the station itself is not told."""
    request = SetStationPasswordRequest(station_id=station_id, password=password or "")
    answer = await client.citrine.stations.SetStationPassword(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"password of station {station_id} replaced")
    _tell_password(client, answer.generated_password)


async def remove_station(client: Client, station_id: StationId) -> None:
    """Remove a station and close its websocket; its transactions are kept."""
    answer = await client.citrine.stations.DeleteStation(DeleteStationRequest(station_id=station_id))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"station {station_id} removed")
