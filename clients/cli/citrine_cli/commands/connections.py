"""`citrine connection`: the open websockets of stations, and those before."""

from typing import Annotated

import typer

from citrine.api.v1.connections_pb2 import Connection, ListConnectionRecordsRequest, ListConnectionsRequest
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.filters import FromOption, StationOption, ToOption, range_of
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_words.words import count, time_word

__all__ = ["build"]

VersionOption = Annotated[str, typer.Option("--ocpp", metavar="VERSION", help="Only those of this version.")]
EdgeOption = Annotated[str, typer.Option("--edge", metavar="ID", help="Only of this edge process.")]


def build() -> typer.Typer:
    """Return the commands of `citrine connection`."""
    app = typer.Typer(help="Websockets of stations: list those that are open, and the history.")
    client_command(app, "list")(list_connections)
    client_command(app, "history")(list_records)
    return app


async def list_connections(
    client: Client,
    edge: EdgeOption = "",
    version: VersionOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List the stations that are connected, and how."""
    request = ListConnectionsRequest(
        edge_id=edge, ocpp_version=version, stations=station_selector(location, group, label)
    )
    pages = collect(client.citrine.connections.ListConnections, request, limit)
    connections = [connection async for page in pages for connection in page.connections]
    if client.out.as_json:
        client.out.messages(connections)
        return
    client.out.table(
        ["station", "version", "epoch", "edge", "address", "since"],
        ([*_row(found), time_word(found, "open_time")] for found in connections),
        empty="no station is connected",
    )


async def list_records(
    client: Client,
    station: StationOption = "",
    edge: EdgeOption = "",
    version: VersionOption = "",
    is_open: Annotated[
        bool | None, typer.Option("--open/--ended", help="Only those that have not ended, or have.", show_default=False)
    ] = None,
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    begin: FromOption = "",
    end: ToOption = "",
    limit: Limit = 100,
) -> None:
    """List which station was connected when, and why it ended; the latest first."""
    request = ListConnectionRecordsRequest(
        station_id=station,
        edge_id=edge,
        ocpp_version=version,
        open=is_open,
        open_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.connections.ListConnectionRecords, request, limit)
    records = [record async for page in pages for record in page.records]
    if client.out.as_json:
        client.out.messages(records)
        return
    client.out.table(
        ["station", "version", "epoch", "edge", "address", "opened", "closed", "code", "because"],
        (
            [
                *_row(found.connection),
                time_word(found.connection, "open_time"),
                time_word(found, "close_time"),
                count(found.close_code) if found.HasField("close_code") else "",
                found.close_reason,
            ]
            for found in records
        ),
        empty="no station was connected",
    )


def _row(found: Connection) -> list[str]:
    return [found.station_id, found.ocpp_version, count(found.epoch), found.edge_id, found.remote_address]
