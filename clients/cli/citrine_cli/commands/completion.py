"""`citrine completion`: the completion scripts of shells."""

import sys
from typing import Annotated

import typer

from citrine_cli.errors import UsageError
from citrine_cli.shell_scripts import SCRIPTS

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `citrine completion` to the commands."""
    app.command("completion")(_print_script)


def _print_script(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="One of bash, zsh, fish.")],
) -> None:
    """Print the script by which a shell completes commands, and ids.

    For this shell alone: eval "$(citrine completion bash)". For all later shells, put that line into ~/.bashrc or
    ~/.zshrc; for fish: citrine completion fish > ~/.config/fish/completions/citrine.fish.
    """
    if shell not in SCRIPTS:
        raise UsageError(f"{shell!r} is none of {', '.join(SCRIPTS)}")
    sys.stdout.write(SCRIPTS[shell])
