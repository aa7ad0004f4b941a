"""Errors that end a command, and the one line on stderr that each of them is.

* :exc:`CliError`: the command failed (exit code 1)
    * :exc:`NotThere`: what is named does not exist
    * :exc:`UsageError`: the command line itself is wrong (exit code 2)
"""

import sys

from citrine_cli.line_breaks import write_line

__all__ = ["CliError", "NotThere", "UsageError", "one_line", "print_error", "printable", "warn"]


class CliError(Exception):
    """A command that can't do what it was asked to."""

    exit_code = 1


class NotThere(CliError):
    """What a command names does not exist.

    Args:
        kind: Of thing, as the core calls it: "station".
        name: Its id.
    """

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} does not exist")
        self.kind = kind
        self.name = name


class UsageError(CliError):
    """A command line that can't be right."""

    exit_code = 2


def printable(text: str) -> str:
    """Return text with blanks for line breaks and control characters, which a station may have put there."""
    return "".join(char if char.isprintable() else " " for char in text)


def one_line(text: str) -> str:
    """Return printable text with single blanks."""
    return " ".join(printable(text).split())


def warn(text: str) -> None:
    """Write one line about what was done, and may not be meant, to stderr."""
    write_line(sys.stderr, f"warning: {one_line(text)}")


def print_error(error: BaseException) -> None:
    """Write one line about an error to stderr."""
    write_line(sys.stderr, f"error: {one_line(str(error)) or type(error).__name__}")
