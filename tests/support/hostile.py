"""Payloads that pass the schema of an action, and are as odd as it allows."""

import copy
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from google.protobuf.message import Message

from citrine.ocpp.actions import action_of
from citrine.ocpp.codec import decode

__all__ = ["MANNERS", "Manner", "hostile"]

UNLIMITED = 3000
"""Characters of a text that the schema does not limit."""

DEPTH = 4
"""Levels of objects below which only what is required is said."""


@dataclass(frozen=True)
class Manner:
    """A way to be odd."""

    name: str
    text: str
    """Repeated up to the length that is allowed, or to `length`."""
    length: int | None
    integer: int
    number: float
    time: str
    whole: bool
    """Whether everything that is optional is said, and lists are as long as allowed (but at most three)."""
    last: bool
    """Whether enums have their last value, not their first."""


MANNERS = (
    Manner("least", "", 0, -(2**31), -1.7976931348623157e308, "0001-01-01T00:00:00Z", False, False),
    Manner("least-of-all", "", 0, -(2**31), -5e-324, "0001-01-01T00:00:00.000001Z", True, False),
    Manner("most", "\U0010fffd", None, 2**31 - 1, 1.7976931348623157e308, "9999-12-31T23:59:59.999999999Z", True, True),
    Manner("sql", "';DROP TABLE stations;--%_\\\"", None, 0, 5e-324, "1969-12-31T23:59:59.9999999+14:00", True, False),
    Manner(
        "invisible",
        "\u202e\u200b\ufeff\u0001\x7f\ud7ff\ue000\r\n",
        None,
        1,
        0.1,
        "2024-02-29T12:00:00-12:00",
        True,
        True,
    ),
    Manner("same-but-case", "İıſKß", 5, -1, -0.0, "1970-01-01T00:00:00Z", True, False),
    Manner("replaced", "\ufffd", 1, 2**31 - 1, 123456789.123456789, "2000-01-01T00:00:00.0005Z", False, True),
)
"""Text is of any Unicode but NUL, which edges replace; times are of the years 1 to 9999; numbers fit a double."""


def hostile(message_class: type[Message], manner: Manner) -> Message:
    """Return a message of a class in that manner, as OCPP 2.1 allows."""
    kind = "Request" if message_class.__name__.endswith("Request") else "Response"
    schema = _schema(action_of(message_class).name + kind)
    return decode(message_class, _value(schema, schema.get("definitions", {}), manner, 0))


@cache
def _schema(name: str) -> dict[str, Any]:
    path = importlib.resources.files("ocpp") / "v21" / "schemas" / f"{name}.json"
    schema: dict[str, Any] = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    return schema


def _value(schema: Mapping[str, Any], definitions: Mapping[str, Any], manner: Manner, depth: int) -> Any:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return schema["enum"][-1 if manner.last else 0]
    match schema.get("type"):
        case "object":
            return _object(schema, definitions, manner, depth)
        case "array":
            least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
            count = min(most, 3) if manner.whole and depth < DEPTH else least
            item = _value(schema["items"], definitions, manner, depth + 1)
            return [copy.deepcopy(item) for _ in range(max(least, count))]
        case "string":
            return manner.time if schema.get("format") == "date-time" else _text(schema, manner)
        case "integer":
            return int(min(max(manner.integer, schema.get("minimum", -(2**31))), schema.get("maximum", 2**31 - 1)))
        case "number":
            number: float = min(max(manner.number, schema.get("minimum", -1.8e308)), schema.get("maximum", 1.8e308))
            return number
        case "boolean":
            return manner.last
    # Data of vendors may be anything.
    return {"text": _text({}, manner), "number": manner.number, "list": [None, True, {}], manner.text or "-": {}}


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any], manner: Manner, depth: int) -> dict[str, Any]:
    required = schema.get("required", [])
    said = {
        name: _value(part, definitions, manner, depth + 1)
        for name, part in schema["properties"].items()
        if name in required or (manner.whole and depth < DEPTH)
    }
    if "vendorId" in schema["properties"] and "customData" not in schema["properties"]:
        said["beside"] = {"number": manner.number}
    return said


def _text(schema: Mapping[str, Any], manner: Manner) -> str:
    most: int = schema.get("maxLength", UNLIMITED)
    length = most if manner.length is None else min(manner.length, most)
    return (manner.text * (length // max(len(manner.text), 1) + 1))[:length]
