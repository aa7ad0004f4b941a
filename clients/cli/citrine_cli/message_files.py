"""Messages of the API that a command reads from a file, as JSON in protobuf's mapping."""

from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from citrine_cli.errors import UsageError
from citrine_cli.standard_input import read_input
from citrine_words.values import parse_object

__all__ = ["read_message", "read_named"]

MessageT = TypeVar("MessageT", bound=Message)


def read_message(file: Path | None, message: MessageT) -> MessageT:
    """Return a message with what a file says of it; unchanged without a file. "-" is stdin.

    Raises:
        UsageError: When the file can't be read, or does not say such a message.
    """
    return _filled(message, _content(file))


def read_named(file: Path | None, message: MessageT) -> tuple[MessageT, list[str]]:
    """Return a message with what a file says of it, and the names of the fields that it says something of.

    A field may be said to be empty, which is not to be seen in the message.

    Raises:
        UsageError: When the file can't be read, or does not say such a message.
    """
    content = _content(file)
    _filled(message, content)
    return message, [field.name for field in message.DESCRIPTOR.fields if {field.name, field.json_name} & {*content}]


def _content(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        text = read_input() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--file: {file} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--file: {file} is not UTF-8") from error
    return parse_object(text, f"--file: {file}")


def _filled(message: MessageT, content: dict[str, Any]) -> MessageT:
    try:
        ParseDict(content, message)
    except ParseError as error:
        raise UsageError(f"--file: {error}") from error
    return message
