"""Payloads drawn from the official schemas of OCPP 2.0.1 and 2.1."""

import math
from datetime import date
from functools import cache
from typing import Any

import orjson
from hypothesis import strategies as st

import generate_ocpp

__all__ = ["JSON", "SCHEMAS", "Schema", "date_times", "objects"]

Schema = dict[str, Any]

SCHEMAS = generate_ocpp.load_schemas()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TZ_OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@st.composite
def date_times(draw: st.DrawFn) -> str:
    """RFC 3339 with any offset and up to nine digits, or without an offset."""
    day = draw(st.dates(date(1, 1, 3), date(9999, 12, 29)))
    time = draw(st.times()).replace(microsecond=0)
    text = f"{day.isoformat()}{draw(st.sampled_from('Tt'))}{time.isoformat()}"
    digits = draw(st.text("0123456789", max_size=9))
    minutes = draw(st.none() | TZ_OFFSETS)
    if minutes is None:
        offset = draw(st.sampled_from(["Z", "z", ""]))
    else:
        offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    return text + (f".{digits}" if digits else "") + offset


def values(schema: Schema, version: str, definitions: Schema) -> st.SearchStrategy[Any]:
    """Draw what a schema of OCPP allows."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return definition(version, name, orjson.dumps(definitions[name]))
        case {"enum": list(spellings)}:
            return st.sampled_from(spellings)
        case {"type": "string", "format": "date-time"}:
            return date_times()
        case {"type": "string"}:
            return st.text(max_size=schema.get("maxLength"))
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "integer"}:
            low, high = int(schema.get("minimum", -(2**31))), int(schema.get("maximum", 2**31 - 1))
            return st.integers(low, high) | st.integers(low, high).map(float)
        case {"type": "number"}:
            least, greatest = schema.get("minimum"), schema.get("maximum")
            whole = st.integers(
                None if least is None else math.ceil(least), None if greatest is None else math.floor(greatest)
            )
            return st.floats(least, greatest, allow_nan=False, allow_infinity=False) | whole
        case {"type": "array"}:
            most = min(schema.get("maxItems", 3), 3)
            return st.lists(values(schema["items"], version, definitions), min_size=schema["minItems"], max_size=most)
        case {"type": "object"}:
            return objects(schema, version, definitions)
    return JSON


def objects(schema: Schema, version: str, definitions: Schema) -> st.SearchStrategy[Any]:
    """Draw an object; one that is open to other properties gets some."""
    required = schema.get("required", [])
    members = {key: values(each, version, definitions) for key, each in schema.get("properties", {}).items()}
    known = st.fixed_dictionaries(
        {key: members[key] for key in required},
        optional={key: each for key, each in members.items() if key not in required},
    )
    if schema.get("additionalProperties") is False:
        return known
    return st.builds(lambda more, sure: {**more, **sure}, st.dictionaries(st.text(), JSON, max_size=2), known)


@cache
def definition(version: str, name: str, text: bytes) -> st.SearchStrategy[Any]:
    return values(orjson.loads(text), version, SCHEMAS[version][FILE_OF[version, name]]["definitions"])


FILE_OF = {
    (version, name): file
    for version, schemas in SCHEMAS.items()
    for file, schema in schemas.items()
    for name in schema.get("definitions", {})
}
