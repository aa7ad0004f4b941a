"""Frames derived from the official schemas: valid ones, ones with a defect, and ones that are no frames."""

import copy
import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import orjson

from citrine.ocpp.actions import ACTIONS
from citrine_edge.dialects.v16.requests import REQUESTS
from tests.support.payloads import SCHEMAS, Schema

__all__ = ["VERSIONS", "Frame", "frames"]

VERSIONS = ("1.6", *sorted(SCHEMAS))

TEXTS = (
    "", " ", "a", "0", "-1", "null", "true", "CS-1", "C0FFEE", "%s%n", "../../etc/passwd", "';DROP TABLE stations;--",
    "<script>", "\u202e\u200b", "\ud7ff", "\U0010fffd", "İıſKß", "\u0001\x7f", "\\u0000", "\x00", "e\u0301" * 20,
    "x" * 5000,
)  # fmt: skip

TIMES = (
    "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01", "now", "1e9", "",
    "2026-01-01T00:00:00+23:59", "1969-12-31T23:59:59.9999999+14:00",
)  # fmt: skip

NUMBERS: tuple[Any, ...] = (
    0, 1, -1, 0.1, -0.0, 2**31 - 1, -(2**31), 2**31, 2**53 + 1, 2**63, 2**64, 1e308, -1e308, 5e-324,
)  # fmt: skip

OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, "", "1", 1, 1.5)
"""Values of any type, in place of a right one."""

DEPTH = 4
"""Levels of objects below which only what is required is said."""


@dataclass(frozen=True)
class Frame:
    """What a station writes in one message of its websocket."""

    data: str | bytes
    """Text, or bytes for a binary message."""
    message_id: str = ""
    """The id that its one answer bears. Empty: it may be answered or not, by any id."""
    may_close: bool = False
    """Whether the CSMS may close the websocket for it."""


def frames(version: str, seed: int) -> Iterator[Frame]:
    """Yield frames without end, the same ones for the same seed."""
    source = random.Random(seed)
    requests, others = _schemas(version)
    makers: list[tuple[int, Callable[[], Frame]]] = [
        (4, lambda: _valid(requests, source)),
        (5, lambda: _with_defects(requests, source)),
        (1, lambda: _valid(others, source)),
        (1, lambda: _odd_call(requests, source)),
        (1, lambda: _odd_frame(source)),
        (1, lambda: _cut(requests, source)),
    ]
    weights, functions = zip(*makers, strict=True)
    while True:
        (make,) = source.choices(functions, weights)
        yield make()


def _schemas(version: str) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schemas of the requests of stations, and of all requests, by action."""
    if version == "1.6":
        files = (file for file in (resources.files("ocpp") / "v16" / "schemas").iterdir())
        found = {file.name.removesuffix(".json"): orjson.loads(file.read_bytes()) for file in files}
        every = {name: schema for name, schema in found.items() if not name.endswith("Response")}
        return {name: every[name] for name in REQUESTS}, every
    schemas = SCHEMAS[version]
    of_stations = {
        name: schemas[f"{name}Request"]
        for name, action in ACTIONS.items()
        if action.from_station and f"{name}Request" in schemas
    }
    every = {name.removesuffix("Request"): schema for name, schema in schemas.items() if name.endswith("Request")}
    return of_stations, every


def _valid(requests: dict[str, Schema], source: random.Random) -> Frame:
    """Return a CALL that the schema allows."""
    action = source.choice(sorted(requests))
    payload = _value(requests[action], requests[action].get("definitions", {}), source, 0)
    return _call(action, payload, source)


def _with_defects(requests: dict[str, Schema], source: random.Random) -> Frame:
    """Return a CALL with one to three changes at any place of its payload."""
    action = source.choice(sorted(requests))
    payload = _value(requests[action], requests[action].get("definitions", {}), source, 0)
    for _ in range(source.randint(1, 3)):
        payload = _change(payload, source)
    return _call(action, payload, source)


def _odd_call(requests: dict[str, Schema], source: random.Random) -> Frame:
    """Return a CALL whose action or payload is of another kind."""
    action = source.choice(
        [*TEXTS[:-1], "heartbeat", "HEARTBEAT", "StartTransaction", "SetVariables", source.choice(sorted(requests))]
    )
    return _call(action, source.choice([*OTHERS, *TEXTS, *NUMBERS[:12]]), source)


def _odd_frame(source: random.Random) -> Frame:
    """Return what is no CALL, or none that can be answered by its id."""
    kind = source.choice([2, 3, 4, 5, 6, 0, 7, -1, "2", 2.0, None, True, 2**40])
    message_id = source.choice([*OTHERS, *TEXTS, 7, "x" * 37, "x" * 36])
    rest = [
        source.choice([*OTHERS, "Heartbeat", "GenericError", {"status": "Accepted"}])
        for _ in range(source.randint(0, 4))
    ]
    whole: Any = source.choice(
        [[kind, message_id, *rest], [kind], [], {}, "Heartbeat", None, 2, [[2, "1", "Heartbeat", {}]]]
    )
    return Frame(_dump(whole))


def _cut(requests: dict[str, Schema], source: random.Random) -> Frame:
    """Return text that is not JSON, or bytes."""
    text = str(_valid(requests, source).data)
    match source.randrange(7):
        case 0:
            return Frame(text[: source.randrange(len(text))])
        case 1:
            place = source.randrange(len(text))
            return Frame(text[:place] + source.choice('{}[]",:\\0 e-\u0000') + text[place:])
        case 2:
            return Frame("[" * source.choice([10, 1000, 100_000]) + "]" * 10)
        case 3:
            return Frame('[2,"deep","DataTransfer",{"vendorId":"x","data":' + '{"a":' * 600 + "1" + "}" * 600 + "}]")
        case 4:
            return Frame(text.replace("{", '{"number":1' + "0" * source.choice([20, 400, 5000]) + ",", 1))
        case 5:
            return Frame(text.encode(), may_close=True)
        case _:
            return Frame(source.randbytes(source.randrange(60)), may_close=True)


def _call(action: object, payload: Any, source: random.Random) -> Frame:
    message_id = f"fuzz-{source.getrandbits(60):x}"
    return Frame(_dump([2, message_id, action, payload]), message_id)


def _dump(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Integers of more than 64 bits, and surrogates, which orjson does not write.
        return json.dumps(value)


def _change(payload: Any, source: random.Random) -> Any:
    """Return a payload with one value left out, repeated, added or replaced."""
    changed = copy.deepcopy(payload)
    places = list(_places(changed))
    if not places:
        return source.choice(OTHERS)
    holder, key = source.choice(places)
    match source.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[source.choice([*TEXTS[1:-1], str(key).upper(), f"{key}s"])] = source.choice(OTHERS)
        case 2 if isinstance(holder, list):
            holder.extend([holder[key]] * source.choice([1, 5, 200]))
        case 3 if isinstance(holder[key], str):
            holder[key] = source.choice([*TEXTS, *TIMES, holder[key] * 50, holder[key].swapcase()])
        case 4 if isinstance(holder[key], int | float):
            holder[key] = source.choice(NUMBERS)
        case _:
            holder[key] = source.choice([*OTHERS, *NUMBERS])
    return changed


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield holder and key of each value within."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


def _value(schema: Schema, definitions: Schema, source: random.Random, depth: int) -> Any:
    """Return a value that a schema allows."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return source.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            return _object(schema, definitions, source, depth)
        case "array":
            least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
            count = source.randint(least, max(least, most)) if depth < DEPTH else least
            return [_value(schema["items"], definitions, source, depth + 1) for _ in range(count)]
        case "string":
            if schema.get("format") == "date-time":
                return source.choice(TIMES[:3])
            # Surrogates and NUL are no defect of the schema, but none that every peer takes.
            return source.choice(TEXTS[:-1])[: schema.get("maxLength", 5000)]
        case "integer":
            low, high = int(schema.get("minimum", -(2**31))), int(schema.get("maximum", 2**31 - 1))
            return min(max(source.choice([0, 1, -1, 2, low, high]), low), high)
        case "number":
            number = source.choice([0.0, 1.0, 0.1, -1.5, 1e9, 1e308, -1e308, 5e-324])
            return min(max(number, schema.get("minimum", -math.inf)), schema.get("maximum", math.inf))
        case "boolean":
            return source.random() < 0.5
    return source.choice(OTHERS)


def _object(schema: Schema, definitions: Schema, source: random.Random, depth: int) -> dict[str, Any]:
    required = schema.get("required", [])
    chance = 0.5 if depth < DEPTH else 0.0
    return {
        name: _value(part, definitions, source, depth + 1)
        for name, part in schema.get("properties", {}).items()
        if name in required or source.random() < chance
    }
