"""`citrine token`: the identification tokens of drivers."""

from typing import Annotated

import typer

from citrine.api.v1.tokens_pb2 import (
    TOKEN_STATUS_ACCEPTED,
    TOKEN_STATUS_BLOCKED,
    CreateTokenRequest,
    DeleteTokenRequest,
    GetTokenRequest,
    ListTokensRequest,
    Token,
)
from citrine_cli.client import Client, client_command, collect
from citrine_cli.errors import UsageError
from citrine_cli.values import parse_time
from citrine_cli.words import enum_word, time_word

__all__ = ["NAME", "build"]

NAME = "token"

TokenId = Annotated[str, typer.Argument(metavar="ID", help="Token as stations send it.")]
MaybeType = Annotated[str, typer.Option("--type", metavar="TYPE", help="Type, where one id has several.")]

_TYPES = (
    "ISO14443",
    "ISO15693",
    "KeyCode",
    "Local",
    "eMAID",
    "Central",
    "MacAddress",
    "NoAuthorization",
    "EVCCID",
    "VIN",
    "DirectPayment",
)
_STATUSES = {"accepted": TOKEN_STATUS_ACCEPTED, "blocked": TOKEN_STATUS_BLOCKED}


def build() -> typer.Typer:
    """Return the commands of `citrine token`."""
    app = typer.Typer(help="Tokens of drivers: add, list, show, remove.")
    client_command(app, "add")(add_token)
    client_command(app, "list")(list_tokens)
    client_command(app, "show")(show_token)
    client_command(app, "remove")(remove_token)
    return app


def _type(text: str) -> str:
    # The types of OCPP in any case; what else there may be, the core decides.
    return {name.lower(): name for name in _TYPES}.get(text.lower(), text)


async def add_token(
    client: Client,
    id_token: TokenId,
    token_type: Annotated[str, typer.Option("--type", metavar="TYPE", help=f"One of {', '.join(_TYPES)}.")],
    status: Annotated[str, typer.Option("--status", metavar="S", help="Accepted or Blocked.")] = "Accepted",
    group: Annotated[str, typer.Option("--group", metavar="G", help="Tokens of a group may stop each other.")] = "",
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="T", help="Not valid from then on: ISO 8601 or +30d.")
    ] = None,
    master_pass: Annotated[bool, typer.Option("--master-pass", help="It may stop, and not start, any.")] = False,
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="For people.")] = "",
) -> None:
    """Register a token."""
    if status.lower() not in _STATUSES:
        raise UsageError(f"--status: {status!r} is neither Accepted nor Blocked")
    token = Token(
        id_token=id_token,
        type=_type(token_type),
        status=_STATUSES[status.lower()],
        group_id=group,
        expire_time=parse_time("--expires", expires) if expires else None,
        master_pass=master_pass,
        description=description,
    )
    created = await client.citrine.tokens.CreateToken(CreateTokenRequest(token=token))
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"token {created.id_token} of type {created.type} added to tenant {created.tenant_id}")


async def list_tokens(
    client: Client,
    group: Annotated[str, typer.Option("--group", metavar="G", help="Only of this group.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the tokens."""
    pages = collect(client.citrine.tokens.ListTokens, ListTokensRequest(group_id=group), limit)
    tokens = [token async for page in pages for token in page.tokens]
    if client.out.as_json:
        client.out.messages(tokens)
        return
    client.out.table(
        ["token", "type", "status", "group", "expires", "description"],
        (
            [
                token.id_token,
                token.type,
                enum_word(token, "status"),
                token.group_id,
                time_word(token, "expire_time"),
                token.description,
            ]
            for token in tokens
        ),
        empty="no tokens",
    )


async def show_token(client: Client, id_token: TokenId, token_type: MaybeType = "") -> None:
    """Show a token."""
    token = await client.citrine.tokens.GetToken(GetTokenRequest(id_token=id_token, type=_type(token_type)))
    if client.out.as_json:
        client.out.message(token)
        return
    client.out.facts(
        {
            "token": token.id_token,
            "type": token.type,
            "tenant": token.tenant_id,
            "status": enum_word(token, "status"),
            "group": token.group_id,
            "expires": time_word(token, "expire_time"),
            "master pass": "yes" if token.master_pass else "",
            "language": token.language,
            "charging priority": str(token.charging_priority or ""),
            "description": token.description,
            "created": time_word(token, "create_time"),
        }
    )


async def remove_token(client: Client, id_token: TokenId, token_type: MaybeType = "") -> None:
    """Remove a token: it is unknown from then on."""
    request = DeleteTokenRequest(id_token=id_token, type=_type(token_type))
    answer = await client.citrine.tokens.DeleteToken(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"token {id_token} removed")
