"""`citrine transaction unmatched`: ends of transactions that are not known."""

from typing import Annotated

import typer

from citrine.api.v1.transactions_pb2 import ListUnmatchedEndsRequest, UnmatchedEnd
from citrine_cli.client import Client, collect
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_words.words import enum_word, plain, time_word

__all__ = ["list_unmatched_ends"]


async def list_unmatched_ends(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List ends of transactions that their stations never began here. They change no transaction."""
    request = ListUnmatchedEndsRequest(
        station_id=station, receive_time=range_of(begin, end), stations=station_selector(location, group, label)
    )
    pages = collect(client.citrine.transactions.ListUnmatchedEnds, request, limit)
    ends = [end async for page in pages for end in page.ends]
    if client.out.as_json:
        client.out.messages(ends)
        return
    client.out.table(
        ["transaction", "station", "ended", "received", "reason", "token", "meter"],
        (
            [
                end.transaction_id,
                end.station_id,
                time_word(end.request, "timestamp"),
                time_word(end, "receive_time"),
                enum_word(end.request.transaction_info, "stopped_reason"),
                end.request.id_token.id_token,
                _register(end),
            ]
            for end in ends
        ),
        empty="no unmatched ends",
    )


def _register(end: UnmatchedEnd) -> str:
    """Return the last reading of the register, in kWh."""
    values = [one for values in end.request.meter_value for one in values.sampled_value]
    return f"{plain(values[-1].value / 1000)} kWh" if values else ""
