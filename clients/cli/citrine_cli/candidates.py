"""What may follow the words of a command line, for the scripts of shells."""

import shlex
from typing import Any

from typer._click.shell_completion import ShellComplete

__all__ = ["candidates"]

_CURSOR = "\x00"
"""Stands where the cursor is: never part of a command line."""


class _Candidates(ShellComplete):
    """Typer's view of what may follow, without its way of asking and answering."""

    name = "citrine"

    def source_vars(self) -> dict[str, Any]:
        return {}

    def get_completion_args(self) -> tuple[list[str], str]:
        return [], ""

    def format_completion(self, item: Any) -> str:
        return str(item.value)


def candidates(command: Any, line: str) -> list[str]:
    """Return what the last word of a line may become, each with a tab and what it is for where that is known.

    Args:
        command: All commands.
        line: What was typed up to the cursor, in the quotes of a shell; its first word is the program.
    """
    *before, last = _words(line)
    found = _Candidates(command, {}, "citrine", "").get_completions(before[1:], last)
    # Typer takes the option off "--station=CS-1"; to a shell it is one word.
    option, equals, _ = last.partition("=")
    prefix = option + equals if equals and option.startswith("-") else ""
    return ["\t".join(filter(None, (f"{prefix}{one.value}", " ".join((one.help or "").split())))) for one in found]


def _words(line: str) -> list[str]:
    """Return the words of a line; the last one ends at the cursor, and may be empty."""
    for closed in ("", '"', "'"):
        try:
            words = shlex.split(line + _CURSOR + closed)
        except ValueError:
            continue
        return [word.removesuffix(_CURSOR) for word in words]
    return [""]
