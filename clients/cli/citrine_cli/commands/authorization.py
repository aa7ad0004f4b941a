"""`citrine authorization`: settings for the authorization of tokens."""

from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.authorization_pb2 import (
    LOST_AUTHORIZATION_GO_ON,
    LOST_AUTHORIZATION_STOP,
    LOST_AUTHORIZATION_UNSPECIFIED,
    AuthorizationSettings,
    Authorizer,
    GetAuthorizationSettingsRequest,
    UpdateAuthorizationSettingsRequest,
)
from citrine_cli.client import Client, client_command
from citrine_cli.commands.authorization_records import list_records
from citrine_cli.errors import CliError, UsageError
from citrine_cli.forms import DurationOption
from citrine_words.values import parse_seconds
from citrine_words.words import enum_word

__all__ = ["build"]

LONGEST_TIMEOUT = 20.0

_ASK = {"unknown": Authorizer.ASK_UNKNOWN_TOKENS, "all": Authorizer.ASK_ALL_TOKENS}
_OFFLINE = {
    "deny": Authorizer.OFFLINE_POLICY_DENY,
    "local": Authorizer.OFFLINE_POLICY_LOCAL_TOKENS,
    "accept": Authorizer.OFFLINE_POLICY_ACCEPT,
}


_LOST_AUTHORIZATIONS = {
    "go-on": LOST_AUTHORIZATION_GO_ON,
    "stop": LOST_AUTHORIZATION_STOP,
    "default": LOST_AUTHORIZATION_UNSPECIFIED,
}


def build() -> typer.Typer:
    """Return the commands of `citrine authorization`."""
    app = typer.Typer(help="How tokens are decided on: show, set, authorizer, history.")
    client_command(app, "show")(show_settings)
    client_command(app, "set")(change_settings)
    client_command(app, "authorizer")(change_authorizer)
    client_command(app, "history")(list_records)
    return app


async def show_settings(client: Client) -> None:
    """Show how the tenant decides on tokens."""
    found = await client.citrine.authorization.GetAuthorizationSettings(GetAuthorizationSettingsRequest())
    _print(client, found)


def _print(client: Client, found: AuthorizationSettings) -> None:
    if client.out.as_json:
        client.out.message(found)
        return
    authorizer = found.authorizer
    asked = found.HasField("authorizer")
    seconds = authorizer.timeout.ToMilliseconds() / 1000
    client.out.facts(
        {
            "master pass group": found.master_pass_group_id,
            "separators in ids": "make another token" if found.exact_token_ids else "do not count",
            "contract roots": str(found.contract_roots.count("BEGIN CERTIFICATE") or ""),
            "own OCSP responders": " ".join(found.ocsp_hosts),
            "token lost while charging": enum_word(found, "lost_authorization"),
            "authorizer": f"{authorizer.address}{' (TLS)' if authorizer.tls else ''}" if asked else "none",
            "asked about": (enum_word(authorizer, "ask") or "unknown tokens") if asked else "",
            "credential": "yes" if authorizer.has_credential else "",
            "timeout": f"{seconds:g} s" if authorizer.HasField("timeout") else "",
            "while it is down": (enum_word(authorizer, "offline_policy") or "deny") if asked else "",
        }
    )


async def change_settings(
    client: Client,
    master_pass_group: Annotated[
        str | None, typer.Option("--master-pass-group", metavar="G", help='Group of the master passes; "" for none.')
    ] = None,
    contract_roots: Annotated[
        Path | None, typer.Option("--contract-roots", metavar="PEM", help="File with the roots of contracts.")
    ] = None,
    ocsp_hosts: Annotated[
        list[str],
        typer.Option("--ocsp-host", metavar="HOST", help='Responder at a private address; repeatable, "": none.'),
    ] = [],  # noqa: B006  # typer takes a list as its own
    exact_token_ids: Annotated[
        bool | None,
        typer.Option(
            "--exact-token-ids/--any-separators", help="Whether 20:69:C0:21 and 2069C021 are different tokens."
        ),
    ] = None,
    after_block: Annotated[
        str | None,
        typer.Option("--lost", metavar="WHAT", help="Charging whose token is blocked, ...: go-on, stop or default."),
    ] = None,
) -> None:
    """Change how the tenant decides on tokens. Omitted options remain as they are."""
    settings, fields = AuthorizationSettings(), []
    if master_pass_group is not None:
        settings.master_pass_group_id = master_pass_group
        fields.append("master_pass_group_id")
    if contract_roots is not None:
        settings.contract_roots = _read(contract_roots)
        fields.append("contract_roots")
    if exact_token_ids is not None:
        settings.exact_token_ids = exact_token_ids
        fields.append("exact_token_ids")
    if ocsp_hosts:
        settings.ocsp_hosts.extend(host for host in ocsp_hosts if host)
        fields.append("ocsp_hosts")
    if after_block is not None:
        if after_block not in _LOST_AUTHORIZATIONS:
            raise UsageError(f"--lost: {after_block!r} is none of go-on, stop and default")
        settings.lost_authorization = _LOST_AUTHORIZATIONS[after_block]
        fields.append("lost_authorization")
    if not fields:
        raise UsageError("nothing is given to change")
    await _update(client, settings, fields)


async def change_authorizer(
    client: Client,
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help='Where it listens; "" to ask nobody.')],
    tls: Annotated[bool, typer.Option("--tls", help="Ask it over TLS.")] = False,
    ca: Annotated[Path | None, typer.Option("--ca", metavar="PEM", help="File with the roots to trust.")] = None,
    credential_file: Annotated[
        Path | None, typer.Option("--credential-file", metavar="PATH", help="File with the bearer token for it.")
    ] = None,
    ask: Annotated[
        str, typer.Option("--ask", metavar="WHICH", help="For tokens that are unknown, or all.")
    ] = "unknown",
    offline: Annotated[
        str, typer.Option("--offline", metavar="POLICY", help="While it is down: deny, local or accept.")
    ] = "deny",
    timeout: Annotated[float, DurationOption("--timeout", help="How long it has to answer.")] = 3.0,
) -> None:
    """Let a service of the operator decide on tokens (citrine.authorizer.v1.AuthorizerService)."""
    if ask not in _ASK:
        raise UsageError(f"--ask: {ask!r} is neither unknown nor all")
    if offline not in _OFFLINE:
        raise UsageError(f"--offline: {offline!r} is none of deny, local and accept")
    settings = AuthorizationSettings()
    if address:
        settings.authorizer.CopyFrom(
            Authorizer(
                address=address,
                tls=tls,
                ca_certificates=_read(ca) if ca is not None else "",
                credential=_read(credential_file).strip() if credential_file is not None else "",
                ask=_ASK[ask],
                offline_policy=_OFFLINE[offline],
                timeout=parse_seconds("--timeout", timeout, LONGEST_TIMEOUT),
            )
        )
    await _update(client, settings, ["authorizer"])


async def _update(client: Client, settings: AuthorizationSettings, fields: list[str]) -> None:
    request = UpdateAuthorizationSettingsRequest(settings=settings, update_mask=FieldMask(paths=fields))
    _print(client, await client.citrine.authorization.UpdateAuthorizationSettings(request))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"file {path} can't be read: {getattr(error, 'strerror', None) or error}") from error
