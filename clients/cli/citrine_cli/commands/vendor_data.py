"""`citrine data`: DataTransfers and customData of stations."""

from typing import Annotated

import typer

from citrine.api.v1.data_transfer_pb2 import ListCustomMessagesRequest, ListDataTransfersRequest
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_words.json_values import json_text
from citrine_words.words import enum_word, instant_word

__all__ = ["build"]

Station = Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")]


def build() -> typer.Typer:
    """Return the commands of `citrine data`."""
    app = typer.Typer(help="Data of vendors: list, custom.")
    client_command(app, "list")(list_transfers)
    client_command(app, "custom")(list_custom)
    return app


async def list_transfers(
    client: Client,
    station: Station = "",
    vendor: Annotated[str, typer.Option("--vendor", metavar="ID", help="Only of this vendorId.")] = "",
    message: Annotated[str, typer.Option("--message", metavar="ID", help="Only with this messageId.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List the DataTransfers of stations, the latest first; `citrine call` sends one."""
    request = ListDataTransfersRequest(
        station_id=station,
        vendor_id=vendor,
        message_id=message,
        create_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.data_transfer.ListDataTransfers, request, limit)
    found = [one async for page in pages for one in page.data_transfers]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["station", "time", "vendor", "message", "answer", "data"],
        (
            [
                one.station_id,
                instant_word(one, "create_time"),
                one.request.vendor_id,
                one.request.message_id,
                enum_word(one.response, "status"),
                json_text(one.request.data) if one.request.HasField("data") else "",
            ]
            for one in found
        ),
        empty="no data",
    )


async def list_custom(
    client: Client,
    station: Station = "",
    action: Annotated[str, typer.Option("--action", metavar="ACTION", help="Only of this OCPP action.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List messages with customData, the latest first, unless other lists show them completely."""
    request = ListCustomMessagesRequest(
        station_id=station,
        action=action,
        receive_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.data_transfer.ListCustomMessages, request, limit)
    found = [one async for page in pages for one in page.custom_messages]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["station", "time", "action", "message"],
        (
            [
                one.station_id,
                instant_word(one, "receive_time"),
                one.action,
                json_text(one.payload),
            ]
            for one in found
        ),
        empty="no custom data",
    )
