"""Messages as JSON in a form: what people may write of one, and what they wrote."""

import json
from collections.abc import Collection
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message

from citrine_console.forms import Wrong
from citrine_console.texts import _

__all__ = ["json_of", "message_of"]

M = TypeVar("M", bound=Message)


def json_of(message: Message, without: Collection[str] = ()) -> str:
    """Return a message as JSON with the names of the contract, without some of its fields."""
    content: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return json.dumps({k: v for k, v in content.items() if k not in without}, indent=2, ensure_ascii=False)


def message_of(text: str, message: M, name: str = "json") -> M:
    """Fill a message from JSON, and return it.

    Raises:
        Wrong: When it is none, or not of this message.
    """
    try:
        content = json.loads(text or "{}")
        if not isinstance(content, dict):
            raise ParseError(_("It has to be an object, in braces."))
        return ParseDict(content, message)
    except (ValueError, ParseError, RecursionError) as error:
        raise Wrong(name, " ".join(str(error).split())) from None
