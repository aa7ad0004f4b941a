"""Messages of the API that a command reads from a file, as JSON in protobuf's mapping."""

import sys
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from citrine_cli.errors import UsageError
from citrine_words.values import parse_object

__all__ = ["read_message"]

MessageT = TypeVar("MessageT", bound=Message)


def read_message(file: Path | None, message: MessageT) -> MessageT:
    """Return a message with what a file says of it; unchanged without a file. "-" is stdin.

    Raises:
        UsageError: When the file can't be read, or does not say such a message.
    """
    content: dict[str, Any] = {}
    if file is not None:
        try:
            content = parse_object(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"--file: {file} can't be read: {error.strerror}") from error
    try:
        ParseDict(content, message)
    except ParseError as error:
        raise UsageError(f"--file: {error}") from error
    return message
