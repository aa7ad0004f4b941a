"""The typer app of `citrine`, with all commands."""

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from citrine_cli.common_options import (
    CaOption,
    CoreOption,
    IdempotencyKeyOption,
    JsonOption,
    KeyFileOption,
    KeyOption,
    NoColorOption,
    TenantOption,
    TlsOption,
    TokenFileOption,
)
from citrine_cli.connection import Connection
from citrine_cli.errors import CliError, UsageError, print_error
from citrine_cli.lazy_group import LazyGroup, new_app
from citrine_cli.shell_scripts import VARIABLE
from citrine_words.errors import WrongText

__all__ = ["build_app", "run_app"]

BROKEN_PIPE = 141
"""Exit code if the reader of the output has closed the pipe, as shells have it for SIGPIPE."""

DISTRIBUTION = "citrine-csms"


def _show_version(wanted: bool) -> None:
    if not wanted:
        return
    # Imported here, because it takes long and few commands need it.
    from importlib import metadata

    try:
        sys.stdout.write(f"{metadata.version(DISTRIBUTION)}\n")
    except metadata.PackageNotFoundError as error:
        raise CliError(f"{DISTRIBUTION} is not installed, so its version is not known") from error
    raise typer.Exit


def _common(
    ctx: typer.Context,
    core: CoreOption = None,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    token_file: TokenFileOption = None,
    tenant: TenantOption = None,
    tls: TlsOption = False,
    ca_file: CaOption = None,
    idempotency_key: IdempotencyKeyOption = None,
    as_json: JsonOption = False,
    no_color: NoColorOption = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A charging station management system: processes, stations, tokens, transactions, commands, events.

    The options below may also follow a command that calls a core, and hold there alone.

    With --json a command prints the API's answer and nothing else: an object, or of a list an array. Exit code: 0 done,
    1 failed, 2 used wrongly, 130 after Ctrl-C.
    """
    # Typer ignores empty variables. An empty key or token must be an error, and not select the key file.
    key = os.environ.get("CITRINE_KEY") if key is None else key
    # No option: many commands have a --token, and everybody sees what stands in a command line.
    token = os.environ.get("CITRINE_TOKEN")
    ctx.obj = Connection(
        core, key, key_file, token, token_file, tenant, tls, ca_file, idempotency_key, as_json, no_color
    )


def build_app() -> typer.Typer:
    """Return the command line."""
    app = new_app(cls=LazyGroup)
    app.callback()(_common)
    return app


_NOT_A_NUMBER = re.compile(r"Input should be a valid (?:integer|number), unable to parse string as an? \w+")
"""How Typer says that a text is no number."""


def _complete(line: str) -> int:
    """Print the completions of a line. Never print errors, because somebody is typing."""
    from citrine_cli.candidates import candidates

    with contextlib.suppress(Exception):
        sys.stdout.write("".join(f"{one}\n" for one in candidates(get_command(build_app()), line)))
    return 0


def _help_in_place_of(error: typer.TyperException) -> str | None:
    """Return the help of a group if its command is missing; None for other errors."""
    context = getattr(error, "ctx", None)
    if context is None or not error.format_message().startswith("Missing command"):
        return None
    return f"{context.get_help()}\n"


def run_app(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    if VARIABLE in os.environ:
        return _complete(os.environ[VARIABLE])
    try:
        code = get_command(build_app()).main(list(arguments), prog_name="citrine", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except CliError as error:
        print_error(error)
        return error.exit_code
    except WrongText as error:
        print_error(error)
        return UsageError.exit_code
    except typer.TyperException as error:
        if (shown := _help_in_place_of(error)) is not None:
            sys.stdout.write(shown)
            return error.exit_code
        # Typer would print a box and the usage.
        message = _NOT_A_NUMBER.sub("expected a number", error.format_message())
        print_error(UsageError(f"{message.removesuffix('.')}; see --help"))
        return error.exit_code
    except BrokenPipeError:
        # Without this, Python would fail at exit when it flushes the buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except typer.Abort:
        return 130
