"""Messages as JSON: protobuf's mapping, and OCPP payloads in OCPP JSON."""

import json
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value

__all__ = ["json_text", "json_value"]

_JSON = frozenset(message.DESCRIPTOR.full_name for message in (Struct, Value, ListValue))
"""Messages that represent arbitrary JSON."""


def json_value(message: Message) -> Any:
    """Return a message in protobuf's JSON mapping: an object, except for a Value.

    Whole numbers in a Struct or Value become integers: protobuf has only floats there, but OCPP has integers.
    """
    value: Any = MessageToDict(message)
    if message.DESCRIPTOR.full_name in _JSON:
        return _with_integers(value)
    _mend_structs(message.DESCRIPTOR, value)
    return value


def json_text(message: Message) -> str:
    """Return the JSON of a message on one line."""
    return json.dumps(json_value(message), ensure_ascii=False)


def _mend_structs(descriptor: Any, value: dict[str, Any]) -> None:
    for field in descriptor.fields:
        kind = field.message_type
        if kind is None or kind.GetOptions().map_entry or field.json_name not in value:
            continue
        inner = value[field.json_name]
        if kind.full_name in _JSON:
            value[field.json_name] = _with_integers(inner)
            continue
        for each in inner if isinstance(inner, list) else [inner]:
            # Timestamps and durations are text.
            if isinstance(each, dict):
                _mend_structs(kind, each)


def _with_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_integers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_integers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
