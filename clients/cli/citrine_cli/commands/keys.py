"""`citrine key`: API keys, and what they may do."""

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Annotated

import grpc
import typer

from citrine.api.v1.keys_pb2 import (
    CreateKeyRequest,
    CreateKeyResponse,
    Key,
    ListKeysRequest,
    ListRolesRequest,
    RevokeKeyRequest,
    RotateKeyRequest,
    RotateKeyResponse,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import CliError, NotThere, UsageError, warn
from citrine_cli.up.files import write_private
from citrine_words.clock import utc_now
from citrine_words.values import parse_duration, parse_time
from citrine_words.words import time_word

__all__ = ["build"]


def build() -> typer.Typer:
    """Return the commands of `citrine key`."""
    app = typer.Typer(help="API keys and roles: add, list, show, rotate, revoke, roles.")
    client_command(app, "add")(add_key)
    client_command(app, "list", of_tenant=False)(list_keys)
    client_command(app, "show", of_tenant=False)(show_key)
    client_command(app, "rotate", of_tenant=False)(rotate_key)
    client_command(app, "revoke", of_tenant=False)(revoke_key)
    client_command(app, "roles", of_tenant=False)(list_roles)
    return app


SecretFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Write it there, for you alone, and do not print it.")
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The key's id, or its name if one valid key has it.")]


async def add_key(
    client: Client,
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people; shown with the commands it sends.")],
    roles: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE", help='E.g. "roaming"; see "citrine key roles". May be repeated.'),
    ] = None,
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help='E.g. "stations:read"; "*" is all. May be repeated.'),
    ] = None,
    expires: Annotated[str | None, typer.Option("--expires", metavar="TIME", help="Not valid from then on.")] = None,
    operator: Annotated[bool, typer.Option("--operator", help="A key of the operator of all tenants.")] = False,
    file: SecretFile = None,
) -> None:
    """Create an API key and print it, or write it to a file, only this once."""
    _check_folder(file)
    request = CreateKeyRequest(
        display_name=name,
        scopes=scopes or [],
        roles=roles or [],
        expire_time=parse_time("--expires", expires) if expires else None,
        operator=operator,
    )
    others = await _named(client, name)
    created = await client.citrine.keys.CreateKey(request)
    if others:
        ids = ", ".join(key.key_id for key in others)
        warn(f"{ids} {'is' if len(others) == 1 else 'are'} named {name}, too, and valid still; see citrine key rotate")
    is_in_file = _write(file, created)
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"key {created.key.key_id} added for {created.key.tenant_id or 'the operator'}")
    _show_secret(client, created, file if is_in_file else None)


async def list_keys(client: Client, limit: Limit = 0) -> None:
    """List the keys, revoked ones included."""
    pages = collect(client.citrine.keys.ListKeys, ListKeysRequest(), limit)
    keys = [key async for page in pages for key in page.keys]
    if client.out.as_json:
        client.out.messages(keys)
        return
    client.out.table(
        ["key", "name", "tenant", "roles", "scopes", "created", "used", "expires", "revoked"],
        (
            [
                key.key_id,
                key.display_name,
                _tenant(key),
                " ".join(key.roles),
                " ".join(key.scopes),
                time_word(key, "create_time"),
                _used(key),
                time_word(key, "expire_time"),
                time_word(key, "revoke_time"),
            ]
            for key in keys
        ),
        empty="no keys",
    )


async def show_key(client: Client, name: NameArgument) -> None:
    """Show a key: its roles and scopes, when it was created and last used, and when it expires."""
    key = await _find(client, name)
    if client.out.as_json:
        client.out.message(key)
        return
    client.out.facts(
        {
            "key": key.key_id,
            "name": key.display_name,
            "tenant": _tenant(key),
            "roles": " ".join(key.roles),
            "scopes": " ".join(key.scopes),
            "created": time_word(key, "create_time"),
            "used": _used(key),
            "expires": time_word(key, "expire_time") or "never",
            "revoked": time_word(key, "revoke_time"),
            "replaced by": key.replaced_by,
            "key file": key.key_file,
        }
    )


async def list_roles(client: Client) -> None:
    """List the roles that keys may have, each with its scopes."""
    roles = (await client.citrine.keys.ListRoles(ListRolesRequest())).roles
    if client.out.as_json:
        client.out.messages(roles)
        return
    client.out.table(
        ["role", "what it does", "scopes"],
        ([role.name, role.description, " ".join(role.scopes)] for role in roles),
        empty="no roles",
    )


async def rotate_key(
    client: Client,
    name: NameArgument,
    grace: Annotated[
        str, typer.Option("--grace", metavar="DURATION", help="How long the old one remains valid; 0: not.")
    ] = "1h",
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="End of the new one.", show_default="that of the old one"),
    ] = None,
    file: SecretFile = None,
) -> None:
    """Create a key that replaces another, and print or write it, only this once. The other expires after --grace."""
    _check_folder(file)
    span = parse_duration("--grace", grace)
    expire_time = parse_time("--expires", expires) if expires else None
    key = await _find(client, name)
    request = RotateKeyRequest(key_id=key.key_id, grace=span, expire_time=expire_time)
    rotated = await client.citrine.keys.RotateKey(request)
    is_in_file = _write(file, rotated)
    if client.out.as_json:
        client.out.message(rotated)
        return
    client.out.line(f"key {rotated.key.key_id} takes the place of {key.key_id} ({key.display_name})")
    _show_secret(client, rotated, file if is_in_file else None)
    client.out.line(f"{key.key_id} ends at {time_word(rotated.replaced, 'expire_time')}")
    if rotated.key.HasField("expire_time"):
        client.out.line(f"{rotated.key.key_id} expires at {time_word(rotated.key, 'expire_time')}")


async def revoke_key(
    client: Client,
    name: NameArgument,
    yes: Yes = False,
) -> None:
    """Revoke a key and, if it is given by name, also the keys that it replaced."""
    found = await _to_revoke(client, name)
    named = " and ".join(found.values())

    async def look() -> None:
        # `_to_revoke` has found the keys already.
        return

    what = "key" if len(found) == 1 else "keys"
    await ask_consent(f"revoke {what} {named}? Who uses it can call nothing more.", yes=yes, look=look)
    for key_id, word in found.items():
        answer = await client.citrine.keys.RevokeKey(RevokeKeyRequest(key_id=key_id))
        if client.out.as_json:
            client.out.message(answer)
        else:
            client.out.line(f"key {word} revoked")


def _check_folder(file: Path | None) -> None:
    """Refuse a file that can't be written, before there is a secret to write."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise UsageError(f"--file: {file} can't be written: there is no such folder, or it is one")


def _write(file: Path | None, answer: CreateKeyResponse | RotateKeyResponse) -> bool:
    """Write a secret to a file, and remove it from the answer; return False if it is to be shown."""
    if file is None:
        return False
    try:
        write_private(file, f"{answer.secret}\n")
    except OSError as error:
        warn(f"{file} can't be written: {error.strerror}")
        return False
    answer.ClearField("secret")
    return True


def _show_secret(client: Client, answer: CreateKeyResponse | RotateKeyResponse, file: Path | None) -> None:
    if file is not None:
        client.out.line(f"secret: in {file}")
        return
    client.out.line(f"secret: {answer.secret}")
    client.out.line("It is shown only now.", style="dim")


async def _to_revoke(client: Client, name: str) -> dict[str, str]:
    """Return the keys to revoke: by id, how to name each of them. A caller who may not read keys must give the id.

    A name stands for a valid key and those that it replaced, which are valid until their grace time ends.
    """
    try:
        keys = await _list_all(client)
    except grpc.aio.AioRpcError as error:
        if error.code() not in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED):
            raise
        return {name: name}
    replaced = [key for key in keys if key.display_name == name and key.replaced_by and _is_valid(key)]
    if any(key.key_id == name for key in keys):
        replaced = []
    try:
        found = [_choose(keys, name), *replaced]
    except NotThere:
        if not replaced:
            raise
        found = replaced
    return {key.key_id: f"{key.key_id} ({key.display_name})" if key.display_name else key.key_id for key in found}


async def _named(client: Client, name: str) -> list[Key]:
    """Return the valid keys with a name; none if the caller may not read keys."""
    try:
        keys = await _list_all(client)
    except grpc.aio.AioRpcError as error:
        if error.code() not in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED):
            raise
        return []
    return [key for key in keys if key.display_name == name and _is_current(key)]


async def _find(client: Client, name: str) -> Key:
    return _choose(await _list_all(client), name)


async def _list_all(client: Client) -> list[Key]:
    pages = collect(client.citrine.keys.ListKeys, ListKeysRequest(), 0)
    return [key async for page in pages for key in page.keys]


def _choose(keys: Sequence[Key], name: str) -> Key:
    of_id = [key for key in keys if key.key_id == name]
    found = of_id or [key for key in keys if key.display_name == name and _is_current(key)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(key.key_id for key in found)
        raise CliError(f"several valid keys are named {name}; give the id of one: {ids}")
    raise NotThere("key", name)


def _is_current(key: Key) -> bool:
    return _is_valid(key) and not key.replaced_by


def _is_valid(key: Key) -> bool:
    is_over = key.HasField("expire_time") and key.expire_time.ToDatetime(UTC) <= utc_now()
    return not key.HasField("revoke_time") and not is_over


def _tenant(key: Key) -> str:
    return key.tenant_id or "(operator)"


def _used(key: Key) -> str:
    # To the minute, because uses are stored once a minute.
    return time_word(key, "last_use_time", to="minutes")
