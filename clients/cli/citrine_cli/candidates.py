"""Completion candidates of a command line, for the scripts of shells."""

import shlex
from typing import Any

from typer._click.shell_completion import ShellComplete

__all__ = ["candidates"]

_CURSOR = "\x00"
"""Placeholder of the cursor. It never occurs in a command line."""


class _Candidates(ShellComplete):
    """Typer's completion, without its protocol between shell and program."""

    name = "citrine"

    def source_vars(self) -> dict[str, Any]:
        return {}

    def get_completion_args(self) -> tuple[list[str], str]:
        return [], ""

    def format_completion(self, item: Any) -> str:
        return str(item.value)


def candidates(command: Any, line: str) -> list[str]:
    """Return the completions of the last word of a line, each with a tab and a description if it has one.

    Args:
        command: The root command.
        line: The line up to the cursor, quoted as in a shell. Its first word is the program.
    """
    *before, last = _words(line)
    found = _Candidates(command, {}, "citrine", "").get_completions(before[1:], last)
    # "--station=CS-1" is one word for the shell, while typer completes only the value.
    option, equals, _ = last.partition("=")
    prefix = option + equals if equals and option.startswith("-") else ""
    return ["\t".join(filter(None, (f"{prefix}{one.value}", " ".join((one.help or "").split())))) for one in found]


def _words(line: str) -> list[str]:
    """Return the words of a line. The last one ends at the cursor and may be empty."""
    for closed in ("", '"', "'"):
        try:
            words = shlex.split(line + _CURSOR + closed)
        except ValueError:
            continue
        return [word.removesuffix(_CURSOR) for word in words]
    return [""]
