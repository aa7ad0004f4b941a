"""What a command reads from stdin."""

import sys

from citrine_cli.errors import UsageError

__all__ = ["read_input"]


def read_input() -> str:
    """Return what is on stdin: UTF-8, whatever the locale says, without the byte order mark of spreadsheets.

    Raises:
        UsageError: When it is not UTF-8.
    """
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("what is on stdin is not UTF-8") from error
