"""`citrine transaction starts`: transactions that somebody asked stations to begin."""

from typing import Annotated

import typer

from citrine.api.v1.remote_control_pb2 import (
    REMOTE_START_STATE_UNSPECIFIED,
    ListRemoteStartsRequest,
    RemoteStart,
    RemoteStartState,
)
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_ACCEPTED
from citrine_cli.client import Client, collect
from citrine_cli.filters import ChangedOption, FromOption, ToOption, changed_since, range_of
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import choice
from citrine_words.cells import PrefixId
from citrine_words.enums import words_of
from citrine_words.words import enum_word, number, time_word

__all__ = ["list_starts"]

_START_STATES = words_of(RemoteStartState.items(), "REMOTE_START_STATE_")


async def list_starts(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_START_STATES)} ones.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    changed: ChangedOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List remote starts and their results, the latest first."""
    request = ListRemoteStartsRequest(
        station_id=station,
        state=choice("--state", _START_STATES, state) if state else REMOTE_START_STATE_UNSPECIFIED,
        create_time=range_of(begin, end),
        stations=station_selector(location, group, label),
        update_time=changed_since(changed),
    )
    pages = collect(client.citrine.remote_control.ListRemoteStarts, request, limit)
    starts = [start async for page in pages for start in page.remote_starts]
    if client.out.as_json:
        client.out.messages(starts)
        return
    client.out.table(
        ["remote start", "station", "evse", "token", "state", "transaction", "ended", "asked", "problem"],
        (
            [
                str(start.remote_start_id),
                start.station_id,
                number(start, "evse_id"),
                start.id_token.id_token,
                enum_word(start, "state"),
                PrefixId(start.transaction_id),
                _end_words(start),
                time_word(start, "create_time"),
                start.problem,
            ]
            for start in starts
        ),
        empty="no remote starts",
    )


def _end_words(start: RemoteStart) -> str:
    """Return why the transaction of a remote start ended, with the status of its token if that was the reason."""
    if not start.HasField("transaction_end_time"):
        return ""
    reason = enum_word(start, "stopped_reason") or "yes"
    refused = start.HasField("token_status") and start.token_status != AUTHORIZATION_STATUS_ENUM_ACCEPTED
    return f"{reason}: token {enum_word(start, 'token_status')}" if refused else reason
