"""`citrine station list`: which stations there are."""

from typing import Annotated

import typer

from citrine.api.v1.stations_pb2 import ListStationsRequest, Station
from citrine_cli.cells import NOTHING
from citrine_cli.client import Client, collect
from citrine_cli.commands.refusals import refusal_words
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.words import connected_word, enum_word, skew_word, time_word

__all__ = ["last_seen_word", "list_stations"]


async def list_stations(
    client: Client,
    connected: Annotated[bool, typer.Option("--connected", help="Only those with an open websocket.")] = False,
    held: Annotated[bool, typer.Option("--held", help="Only unknown ones that wait to be accepted.")] = False,
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the stations."""
    chosen = station_selector(location, group, label)
    request = ListStationsRequest(connected_only=connected, held=held, stations=chosen)
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
                skew_word(station, "clock_skew") if station.clock_is_off else _clock_word(station),
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
