"""Options of `citrine` itself, which may also follow commands that call a core."""

from pathlib import Path
from typing import Annotated

import typer

from citrine_cli.connection import DEFAULT_CORE, DEFAULT_KEY_FILE

__all__ = [
    "CaOption",
    "CoreOption",
    "IdempotencyKeyOption",
    "JsonOption",
    "KeyFileOption",
    "KeyOption",
    "NoColorOption",
    "TenantOption",
    "TlsOption",
    "TokenFileOption",
]

CoreOption = Annotated[
    str | None,
    typer.Option(
        "--core",
        envvar="CITRINE_CORE",
        metavar="HOST:PORT,…",
        show_default=DEFAULT_CORE,
        help="Where the cores are.",
    ),
]

KeyOption = Annotated[
    str | None,
    typer.Option("--key", envvar="CITRINE_KEY", metavar="KEY", show_default="the key file's", help="API key."),
]

KeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        envvar="CITRINE_KEY_FILE",
        metavar="PATH",
        show_default=str(DEFAULT_KEY_FILE),
        help="File with the API key.",
    ),
]

TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="CITRINE_TOKEN_FILE",
        metavar="PATH",
        show_default="none",
        help="File with a token of an OpenID Connect provider, instead of a key.",
    ),
]

TenantOption = Annotated[
    str | None,
    typer.Option(
        "--tenant",
        envvar="CITRINE_TENANT",
        metavar="ID",
        show_default="the only one",
        help="Tenant to act on, for operators.",
    ),
]

IdempotencyKeyOption = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        show_default="none",
        help="Run again with the same key, the command has no second effect and prints the same.",
    ),
]

TlsOption = Annotated[bool, typer.Option("--tls", envvar="CITRINE_TLS", help="Call the cores by TLS.")]

CaOption = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        envvar="CITRINE_CA_FILE",
        metavar="PATH",
        show_default="those of gRPC",
        help="Authorities that the cores' certificates are verified against; implies --tls.",
    ),
]

NoColorOption = Annotated[bool, typer.Option("--no-color", help="Print no colours, as with NO_COLOR set.")]

JsonOption = Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON.")]
