"""The commands of `citrine`, put together."""

import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from citrine_cli.client import Connection
from citrine_cli.commands import (
    authorization,
    call,
    configurations,
    connections,
    costs,
    events,
    firmware,
    keys,
    limits,
    locallists,
    logs,
    messages,
    meters,
    monitors,
    profiles,
    refusals,
    reports,
    reservations,
    stations,
    tariffs,
    tenants,
    tokens,
    transactions,
    variables,
    vendor_data,
)
from citrine_cli.errors import CliError, UsageError, print_error
from citrine_cli.processes import PROCESSES, run_process
from citrine_cli.up import command as up

__all__ = ["build_app", "run_app"]

BROKEN_PIPE = 141
"""Exit code where who read the output went away, as a shell has it for SIGPIPE."""

DISTRIBUTION = "citrine-csms"

_HELP = {
    "core": "Start a core; its own flags follow.",
    "edge": "Start an edge; its own flags follow.",
    "simulate": "Start simulated stations; their own flags follow.",
    "upgrade": "Bring a database to the newest schema; its own flags follow.",
}
# The process reads its flags itself, --help too.
_UNTOUCHED = {"allow_extra_args": True, "ignore_unknown_options": True}


def _show_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        sys.stdout.write(f"{metadata.version(DISTRIBUTION)}\n")
    except metadata.PackageNotFoundError as error:
        raise CliError(f"{DISTRIBUTION} is not installed, so its version is not known") from error
    raise typer.Exit


def _common(
    ctx: typer.Context,
    core: Annotated[
        str | None,
        typer.Option(
            "--core", envvar="CITRINE_CORE", metavar="HOST:PORT,…", help="Where the cores are: 127.0.0.1:50051."
        ),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", envvar="CITRINE_KEY", metavar="KEY", help="API key.")] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            envvar="CITRINE_KEY_FILE",
            metavar="PATH",
            help="File with the API key: .citrine/operator.key.",
        ),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(
            "--tenant", envvar="CITRINE_TENANT", metavar="ID", help="Tenant to act on, for operators: default."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A charging station management system: processes, stations, tokens, transactions, commands, events.

    The options below may also follow a command that calls a core, and hold there alone.
    """
    # To typer, a variable that is empty is not set; as a key, it must not stand for whatever file there is.
    key = os.environ.get("CITRINE_KEY") if key is None else key
    ctx.obj = Connection(core=core, key=key, key_file=key_file, tenant=tenant, as_json=as_json)


def _add_process(app: typer.Typer, word: str, name: str) -> None:
    @app.command(word, help=_HELP[name], context_settings=_UNTOUCHED, add_help_option=False)
    def start(ctx: typer.Context) -> None:
        raise typer.Exit(run_process(name, ctx.args))


def build_app() -> typer.Typer:
    """Return the command line."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback()(_common)
    up.register(app)
    groups = {"db": typer.Typer(help="The database.")}
    for words, name in PROCESSES.items():
        _add_process(groups[words[0]] if len(words) > 1 else app, words[-1], name)
    for module in (
        stations,
        configurations,
        tokens,
        locallists,
        authorization,
        transactions,
        reservations,
        messages,
        vendor_data,
        meters,
        tariffs,
        costs,
        connections,
        tenants,
        keys,
        reports,
        variables,
        limits,
        logs,
        monitors,
        profiles,
        firmware,
    ):
        groups[module.NAME] = module.build()
    groups[refusals.NAME], groups[refusals.TOLERANCE] = refusals.build(), refusals.build_tolerance()
    for word, group in groups.items():
        app.add_typer(group, name=word)
    call.register(app)
    events.register(app)
    return app


def run_app(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    try:
        code = get_command(build_app()).main(list(arguments), prog_name="citrine", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except CliError as error:
        print_error(error)
        return error.exit_code
    except typer.TyperException as error:
        # What typer finds wrong with a command line, without its box and its usage text.
        print_error(UsageError(f"{error.format_message().removesuffix('.')}; see --help"))
        return error.exit_code
    except BrokenPipeError:
        # What is still in the buffer has no reader; without this, Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except typer.Abort:
        return 130
