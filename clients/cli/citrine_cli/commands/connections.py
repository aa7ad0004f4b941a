"""`citrine connection`: the open websockets of stations."""

import typer

from citrine.api.v1.connections_pb2 import ListConnectionsRequest
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.words import count, time_word

__all__ = ["build"]


def build() -> typer.Typer:
    """Return the commands of `citrine connection`."""
    app = typer.Typer(help="Open websockets of stations: list.")
    # Without a callback, typer would omit the word "list", because there is only one command.
    app.callback()(_group)
    client_command(app, "list")(list_connections)
    return app


def _group() -> None:
    """Open websockets of stations: list."""


async def list_connections(client: Client, limit: Limit = 0) -> None:
    """List the stations that are connected, and how."""
    pages = collect(client.citrine.connections.ListConnections, ListConnectionsRequest(), limit)
    connections = [connection async for page in pages for connection in page.connections]
    if client.out.as_json:
        client.out.messages(connections)
        return
    client.out.table(
        ["station", "version", "epoch", "edge", "address", "since"],
        (
            [
                found.station_id,
                found.ocpp_version,
                count(found.epoch),
                found.edge_id,
                found.remote_address,
                time_word(found, "open_time"),
            ]
            for found in connections
        ),
        empty="no station is connected",
    )
