"""`citrine station list`: the stations of a tenant, by what somebody looks for."""

from typing import Annotated

import typer

from citrine.api.v1.stations_pb2 import (
    STATION_CONNECTION_UNSPECIFIED,
    ListStationsRequest,
    Station,
    StationConnection,
    StationOrder,
)
from citrine.ocpp.v2.provisioning_pb2 import RegistrationStatusEnum
from citrine_cli.client import Client, collect
from citrine_cli.filters import ChangedOption, changed_since
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import choice
from citrine_words.cells import NOTHING
from citrine_words.enums import words_of
from citrine_words.tolerance_kinds import refusal_words
from citrine_words.words import connected_word, enum_word, skew_word, time_word

__all__ = ["CONNECTIONS", "last_seen_word", "list_stations"]

CONNECTIONS = words_of(StationConnection.items(), "STATION_CONNECTION_")

_ORDERS = words_of(StationOrder.items(), "STATION_ORDER_")

_REGISTRATIONS = words_of(RegistrationStatusEnum.items(), "REGISTRATION_STATUS_ENUM_")


async def list_stations(
    client: Client,
    connected: Annotated[bool, typer.Option("--connected", help="Only those with an open websocket.")] = False,
    connection: Annotated[
        str,
        typer.Option("--connection", metavar="STATE", help=f"Only with a connection that is {', '.join(CONNECTIONS)}."),
    ] = "",
    held: Annotated[bool, typer.Option("--held", help="Only unknown ones that wait to be accepted.")] = False,
    prefix: Annotated[str, typer.Option("--id", metavar="PREFIX", help="Only those whose id begins so.")] = "",
    vendor: Annotated[str, typer.Option("--vendor", metavar="NAME", help="Only of this vendor.")] = "",
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Only of this model.")] = "",
    firmware: Annotated[str, typer.Option("--firmware", metavar="VERSION", help="Only with this firmware.")] = "",
    version: Annotated[str, typer.Option("--ocpp", metavar="VERSION", help="Only those that last spoke it.")] = "",
    registration: Annotated[
        str,
        typer.Option("--registration", metavar="STATUS", help=f"Only those told {', '.join(_REGISTRATIONS)} at boot."),
    ] = "",
    faulted: Annotated[bool, typer.Option("--faulted", help="Only those with a faulted connector.")] = False,
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    order: Annotated[str, typer.Option("--order", metavar="ORDER", help=f"By {', '.join(_ORDERS)}.")] = "id",
    descending: Annotated[bool, typer.Option("--descending", help="The other way round.")] = False,
    changed: ChangedOption = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the stations."""
    request = ListStationsRequest(
        connected_only=connected,
        connection=choice("--connection", CONNECTIONS, connection) if connection else STATION_CONNECTION_UNSPECIFIED,
        held=held,
        station_id_prefix=prefix,
        vendor_name=vendor,
        model=model,
        firmware_version=firmware,
        ocpp_version=version,
        registration=choice("--registration", _REGISTRATIONS, registration) if registration else None,
        faulted_only=faulted,
        stations=station_selector(location, group, label),
        order=choice("--order", _ORDERS, order),
        descending=descending,
        update_time=changed_since(changed),
    )
    pages = collect(client.citrine.stations.ListStations, request, limit)
    stations = [station async for page in pages for station in page.stations]
    if client.out.as_json:
        client.out.messages(stations)
        return
    if held:
        _show_held(client, stations)
        return
    client.out.table(
        ["station", "connected", "version", "registration", "vendor", "model", "seen", "clock", "refused"],
        (
            [
                station.station_id,
                connected_word(station.connected),
                station.ocpp_version,
                enum_word(station, "registration"),
                station.hardware.vendor_name,
                station.hardware.model,
                last_seen_word(station),
                skew_word(station, "clock_skew") if station.clock_off else _clock_word(station),
                _refused_word(station),
            ]
            for station in stations
        ),
        empty="no stations",
        remark="refused",
    )


def last_seen_word(station: Station) -> str:
    """Return when a station was last seen."""
    return time_word(station, "last_seen_time") or "never"


def _clock_word(station: Station) -> str:
    return "right" if station.HasField("clock_skew") else NOTHING


def _refused_word(station: Station) -> str:
    """Return in short the refused connections since the last successful one, and the refused messages."""
    parts = []
    if station.HasField("handshake_refusal") and not station.connected:
        parts.append(f"connection: {enum_word(station.handshake_refusal, 'reason')}")
    if station.refused.count:
        parts.append(f"{station.refused.count} ({refusal_words(station.refused.gravest)})")
    return ", ".join(parts)


def _show_held(client: Client, stations: list[Station]) -> None:
    client.out.table(
        ["station", "held", "from", "vendor", "model", "serial number", "last seen"],
        (
            [
                station.station_id,
                time_word(station, "held_time"),
                station.remote_address,
                station.hardware.vendor_name,
                station.hardware.model,
                station.hardware.serial_number,
                last_seen_word(station),
            ]
            for station in stations
        ),
        empty="no stations are held",
    )
