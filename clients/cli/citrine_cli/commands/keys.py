"""`citrine key`: who may call the API, and what."""

from typing import Annotated

import typer

from citrine.api.v1.keys_pb2 import CreateKeyRequest, ListKeysRequest, RevokeKeyRequest
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.values import parse_time
from citrine_cli.words import time_word

__all__ = ["build"]


def build() -> typer.Typer:
    """Return the commands of `citrine key`."""
    app = typer.Typer(help="API keys: add, list, revoke.")
    client_command(app, "add")(add_key)
    client_command(app, "list")(list_keys)
    client_command(app, "revoke")(revoke_key)
    return app


async def add_key(
    client: Client,
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people; shown with the commands it sends.")],
    scopes: Annotated[
        list[str],
        typer.Option("--scope", metavar="SCOPE", help='E.g. "stations:read"; "*" is all. May be repeated.'),
    ],
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="T", help="Not valid from then on: ISO 8601 or +30d.")
    ] = None,
    operator: Annotated[bool, typer.Option("--operator", help="A key of the operator of all tenants.")] = False,
) -> None:
    """Make an API key and print it, this once."""
    request = CreateKeyRequest(
        display_name=name,
        scopes=scopes,
        expire_time=parse_time("--expires", expires) if expires else None,
        operator=operator,
    )
    created = await client.citrine.keys.CreateKey(request)
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"key {created.key.key_id} added for {created.key.tenant_id or 'the operator'}")
    client.out.line(f"secret: {created.secret}")
    client.out.line("It is shown only now.", style="dim")


async def list_keys(client: Client, limit: Limit = 0) -> None:
    """List the keys, revoked ones included."""
    pages = collect(client.citrine.keys.ListKeys, ListKeysRequest(), limit)
    keys = [key async for page in pages for key in page.keys]
    if client.out.as_json:
        client.out.messages(keys)
        return
    client.out.table(
        ["key", "name", "tenant", "scopes", "expires", "revoked"],
        (
            [
                key.key_id,
                key.display_name,
                key.tenant_id or "(operator)",
                " ".join(key.scopes),
                time_word(key, "expire_time"),
                time_word(key, "revoke_time"),
            ]
            for key in keys
        ),
        empty="no keys",
    )


async def revoke_key(
    client: Client, key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, not its secret.")]
) -> None:
    """Make a key invalid."""
    answer = await client.citrine.keys.RevokeKey(RevokeKeyRequest(key_id=key_id))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"key {key_id} revoked")
