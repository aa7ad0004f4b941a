"""`citrine completion`: how a shell comes to complete what is typed."""

import sys
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from citrine_cli.errors import UsageError

__all__ = ["register"]

SHELLS = ("bash", "zsh", "fish")

VARIABLE = "_CITRINE_COMPLETE"
"""By which a script asks this program what may follow; typer reads it."""


def register(app: typer.Typer) -> None:
    """Add `citrine completion` to the commands."""
    app.command("completion")(_print_script)


def _print_script(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="One of bash, zsh, fish.")],
) -> None:
    """Print the script by which a shell completes commands, and ids.

    For this shell alone: eval "$(citrine completion bash)". For all that follow, put that line into ~/.bashrc or
    ~/.zshrc; of fish: citrine completion fish > ~/.config/fish/completions/citrine.fish.
    """
    if shell not in SHELLS:
        raise UsageError(f"{shell!r} is none of {', '.join(SHELLS)}")
    script = get_completion_script(prog_name="citrine", complete_var=VARIABLE, shell=shell)
    sys.stdout.write(f"{script}\n")
