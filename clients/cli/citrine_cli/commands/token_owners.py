"""`citrine token suspend`, `resume` and `suspensions`: all tokens of a party at a time."""

from typing import Annotated

import grpc
import typer

from citrine.api.v1.tokens_pb2 import (
    ListTokenOwnerSuspensionsRequest,
    ResumeTokenOwnerRequest,
    SuspendTokenOwnerRequest,
    TokenOwnerSuspension,
)
from citrine_cli.client import Client, client_command, collect
from citrine_cli.token_filters import parse_owner
from citrine_words.words import time_word

__all__ = ["add_commands"]

Party = Annotated[str, typer.Argument(metavar="PARTY", help="Country and id, as NL-TNM.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why: one party may be suspended for several reasons.")
]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `citrine token`."""
    client_command(app, "suspend")(suspend)
    client_command(app, "resume")(resume)
    client_command(app, "suspensions")(suspensions)


async def suspend(client: Client, party: Party, reason: Reason = "") -> None:
    """Refuse all tokens of a party, whatever they say, and also those that come later."""
    country_code, party_id = parse_owner(party, "PARTY")
    request = SuspendTokenOwnerRequest(country_code=country_code, party_id=party_id, reason=reason)
    suspension = await client.citrine.tokens.SuspendTokenOwner(request)
    if client.out.as_json:
        client.out.message(suspension)
        return
    client.out.line(f"tokens of {country_code}-{party_id} are refused since {time_word(suspension, 'suspend_time')}")


async def resume(client: Client, party: Party, reason: Reason = "") -> None:
    """End a suspension: the tokens of a party decide again by what they say, unless there is another one."""
    country_code, party_id = parse_owner(party, "PARTY")
    request = ResumeTokenOwnerRequest(country_code=country_code, party_id=party_id, reason=reason)
    await client.citrine.tokens.ResumeTokenOwner(request)
    try:
        left = [one for one in await _listed(client) if (one.country_code, one.party_id) == (country_code, party_id)]
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
            raise
        client.out.line(f"the suspension of {country_code}-{party_id} ended{f': {reason}' if reason else ''}")
        return
    if left:
        why = ", ".join(one.reason or f"by {one.requested_by}" for one in left)
        client.out.line(f"tokens of {country_code}-{party_id} are still refused: {why}")
        return
    client.out.line(f"tokens of {country_code}-{party_id} are no longer refused{f': {reason}' if reason else ''}")


async def suspensions(
    client: Client,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the parties whose tokens are refused."""
    found = await _listed(client, limit)
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = (
        [f"{one.country_code}-{one.party_id}", one.reason, one.requested_by, time_word(one, "suspend_time")]
        for one in found
    )
    client.out.table(["party", "reason", "by", "since"], rows, empty="no party is suspended")


async def _listed(client: Client, limit: int = 0) -> list[TokenOwnerSuspension]:
    pages = collect(client.citrine.tokens.ListTokenOwnerSuspensions, ListTokenOwnerSuspensionsRequest(), limit)
    return [one async for page in pages for one in page.suspensions]
