"""`citrine events` and `citrine messages`: live events and OCPP messages."""

from collections.abc import Sequence
from typing import Annotated

import typer

from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2 import ListEventsRequest, WatchMessagesRequest
from citrine_cli.client import Client, client_command, collect
from citrine_cli.errors import CliError
from citrine_cli.named_things import check_station
from citrine_cli.progress import SayDisconnected, say_waiting
from citrine_words.event_lines import event_line, local_time

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `citrine events` and `citrine messages`."""
    client_command(app, "events")(events)
    client_command(app, "messages")(messages)


async def events(
    client: Client,
    stations: Annotated[
        list[str] | None, typer.Option("--station", metavar="ID", help="Only of this station. May be repeated.")
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only of this kind, e.g. transaction_ended. May be repeated."),
    ] = None,
    from_token: Annotated[
        str, typer.Option("--from", metavar="POSITION", help='Go on after it; "0": the oldest that is retained.')
    ] = "",
    newest: Annotated[
        int, typer.Option("--newest", metavar="N", min=0, help="Print the newest N, the latest last, and end.")
    ] = 0,
    samples: Annotated[
        bool, typer.Option("--samples", help="With the meter values that stations sent, as far as they are stored.")
    ] = False,
) -> None:
    """Print events until Ctrl-C, each with its position in brackets; lost connections are opened again.

    Positions grow, with gaps: they also number the events of other tenants, and events that were rolled back.
    """
    if newest:
        await _show_newest(client, stations or (), kinds or (), newest)
        return
    if not from_token:
        # Past events of a removed station can be read, but no new ones follow.
        for station in stations or ():
            await check_station(client, station)
    what = f"events of {', '.join(stations)}" if stations else "events"
    say_waiting(f"waiting for {what}; Ctrl-C ends it")
    followed = client.citrine.follow_events(
        stations or (), kinds or (), from_token=from_token, include_samples=samples, on_lost=SayDisconnected()
    )
    async for event in followed:
        _show(client, event)


async def _show_newest(client: Client, stations: Sequence[str], kinds: Sequence[str], number: int) -> None:
    request = ListEventsRequest(station_ids=stations, kinds=kinds)
    pages = collect(client.citrine.events.ListEvents, request, number)
    for event in reversed([event async for page in pages for event in page.events]):
        _show(client, event)


def _show(client: Client, event: Event) -> None:
    if client.out.as_json:
        client.out.message(event, line=True)
    else:
        client.out.line(event_line(event, columns=client.out.columns, after=f"  [{event.token}]"))


async def messages(
    client: Client,
    stations: Annotated[list[str], typer.Argument(metavar="STATION…", help="1 to 100 stations.")],
) -> None:
    """Print the OCPP frames of stations as they pass, until Ctrl-C; > is to the station, < from it."""
    for station in stations:
        await check_station(client, station)
    stream = client.citrine.events.WatchMessages(WatchMessagesRequest(station_ids=stations))
    async for seen in stream:
        if not seen.frame:
            # The first message only confirms that frames are watched from now on.
            say_waiting(f"waiting for messages of {', '.join(stations)}; Ctrl-C ends it")
            continue
        if client.out.as_json:
            client.out.message(seen, line=True)
        else:
            arrow = "<" if seen.from_station else ">"
            client.out.line(f"{local_time(seen.time)}  {seen.station_id} {arrow} {seen.frame}", is_whole=True)
    raise CliError("the core ended the stream")
