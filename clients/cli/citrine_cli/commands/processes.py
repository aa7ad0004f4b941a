"""`citrine core`, `edge`, `console`, `simulate` and the commands of `db`, when an option of `citrine` precedes them."""

import typer

from citrine_cli.nouns import COMMANDS
from citrine_cli.processes import run_process

__all__ = ["build_database", "register"]

# The process parses its own flags, including --help.
_UNTOUCHED = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add the processes that are commands of their own."""
    for name in ("core", "edge", "console", "simulate"):
        _add(app, name, name, COMMANDS[name].help)


def build_database() -> typer.Typer:
    """Return the commands of `citrine db`."""
    app = typer.Typer(help="The database.")
    app.callback()(_is_a_group)
    _add(app, "upgrade", "upgrade", "Bring a database to the newest schema; its own flags follow.")
    _add(app, "rotate-key", "rotate-key", "Have another key encrypt stored secrets; its own flags follow.")
    return app


def _is_a_group() -> None:
    """The database."""


def _add(app: typer.Typer, word: str, name: str, text: str) -> None:
    @app.command(word, help=text, context_settings=_UNTOUCHED, add_help_option=False)
    def start(ctx: typer.Context) -> None:
        raise typer.Exit(run_process(name, ctx.args))
