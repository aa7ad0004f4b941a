"""Errors that end a command. Each is printed as one line on stderr.

* :exc:`CliError`: the command failed (exit code 1)
    * :exc:`NotThere`: the named thing does not exist
    * :exc:`UsageError`: the command line is wrong (exit code 2)
"""

import sys

from citrine_cli.line_breaks import write_line

__all__ = ["CliError", "NotThere", "UsageError", "one_line", "print_error", "printable", "warn"]


class CliError(Exception):
    """A command failed."""

    exit_code = 1


class NotThere(CliError):
    """A named thing does not exist.

    Args:
        kind: Resource type, as in the core's errors: "station".
        name: Its id.
    """

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} does not exist")
        self.kind = kind
        self.name = name


class UsageError(CliError):
    """The command line is wrong."""

    exit_code = 2


def printable(text: str) -> str:
    """Return text with blanks in place of line breaks and control characters, which may come from a station."""
    return "".join(char if char.isprintable() else " " for char in text)


def one_line(text: str) -> str:
    """Return printable text with single blanks."""
    return " ".join(printable(text).split())


def warn(text: str) -> None:
    """Write a warning to stderr, as one line."""
    write_line(sys.stderr, f"warning: {one_line(text)}")


def print_error(error: BaseException) -> None:
    """Write an error to stderr, as one line."""
    write_line(sys.stderr, f"error: {one_line(str(error)) or type(error).__name__}")
