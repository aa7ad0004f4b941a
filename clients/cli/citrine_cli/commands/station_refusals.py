"""`citrine station refusals`: refused handshakes."""

from typing import Annotated

import typer

from citrine.api.v1.stations_pb2 import HandshakeRefusal, ListHandshakeRefusalsRequest
from citrine_cli.client import Client, Limit, collect
from citrine_cli.errors import UsageError
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.targets import choice
from citrine_words.cells import State
from citrine_words.enums import words_of
from citrine_words.words import count, enum_word, time_word

__all__ = ["list_refusals"]

_REASONS = words_of(HandshakeRefusal.Reason.items(), "REASON_")


async def list_refusals(
    client: Client,
    station_id: Annotated[str, typer.Argument(metavar="[STATION]", help="Only of this id.")] = "",
    station: Annotated[str, typer.Option("--station", metavar="ID", help="The same.")] = "",
    unregistered: Annotated[
        bool, typer.Option("--unregistered", help="Only of ids that are no stations of the tenant.")
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="REASON", help="Only those last refused for this, as the list says it.")
    ] = "",
    begin: FromOption = "",
    end: ToOption = "",
    limit: Limit = 0,
) -> None:
    """List stations with refused handshakes, registered or not, the latest first, each with the last reason.

    Where the TLS handshake failed nobody knows which station it was: there is a line for each address, without a
    station, in the default tenant.
    """
    if station_id and station and station_id != station:
        raise UsageError(f"{station_id} and --station {station} exclude each other")
    request = ListHandshakeRefusalsRequest(
        station_id=station_id or station,
        unregistered_only=unregistered,
        reason=choice("--reason", _REASONS, reason) if reason else HandshakeRefusal.REASON_UNSPECIFIED,
        last_time=range_of(begin, end),
    )
    pages = collect(client.citrine.stations.ListHandshakeRefusals, request, limit)
    found = [one async for page in pages for one in page.refusals]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["station", "reason", "attempts", "last", "first", "from", "registered", "offered or tls"],
        (
            [
                one.station_id or "-",
                enum_word(one, "reason") + (f" {one.unknown_tenant_id!r}" if one.unknown_tenant_id else ""),
                count(one.attempts),
                time_word(one, "last_time"),
                time_word(one, "first_time"),
                one.remote_address,
                State("yes" if one.registered else "no"),
                one.offered or one.detail,
            ]
            for one in found
        ),
        empty="nobody was refused",
    )
