"""Forms made from a JSON schema: a tree of fields, and the payload that what was filled in says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from citrine_console.schemas import resolve
from citrine_console.texts import _

__all__ = ["ABSENT", "Node", "SchemaForm"]

ABSENT = object()
"""Stands for a value that was not filled in."""

LEFT_OUT = "customData"
"""Property that every object may have; as JSON it can be given."""

MOST_ITEMS = 200
"""Items of a list in a form; more of them need JSON."""


@dataclass(frozen=True)
class Node:
    """A field, or a group or list of them."""

    path: str
    """Name of its field."""
    label: str
    kind: str
    """group, list, select, number, decimal, datetime, text or json."""
    required: bool
    value: str = ""
    choices: tuple[str, ...] = ()
    hint: str = ""
    error: str = ""
    children: list["Node"] = field(default_factory=list)
    is_open: bool = False
    """Of a group or list: whether something in it is to be filled in, or was."""
    can_grow: bool = False
    can_shrink: bool = False


class SchemaForm:
    """What was filled in by one schema.

    Args:
        schema: Of the whole payload.
        values: What was filled in, by path: "p.evse.id"; the length of a list at "p.list.count".
        zone: Time zone in which times are entered.
    """

    def __init__(self, schema: Mapping[str, Any], values: Mapping[str, str], zone: ZoneInfo) -> None:
        self._root = schema
        self._values = values
        self._zone = zone
        self.errors: dict[str, str] = {}
        """What is wrong, by path; filled by `payload`."""

    # The tree

    def nodes(self) -> list[Node]:
        """Return the fields of the payload, those that are required first."""
        return self._properties(self._root, "p")

    def _properties(self, schema: Mapping[str, Any], path: str) -> list[Node]:
        required = schema.get("required", ())
        found = [
            self._node(name, one, f"{path}.{name}", name in required)
            for name, one in schema.get("properties", {}).items()
            if name != LEFT_OUT
        ]
        return sorted(found, key=lambda node: not node.required)

    def _node(self, label: str, schema: Mapping[str, Any], path: str, required: bool) -> Node:
        schema = resolve(self._root, schema)
        error = self.errors.get(path, "")
        kind = _kind(schema)
        if kind == "group":
            is_open = required or self._has(path)
            return Node(path, label, kind, required, children=self._properties(schema, path), is_open=is_open)
        if kind == "list":
            count = self._count(schema, path, required)
            items = resolve(self._root, schema["items"])
            children = [self._node(f"{label} {number + 1}", items, f"{path}.{number}", True) for number in range(count)]
            most = min(int(schema.get("maxItems", MOST_ITEMS)), MOST_ITEMS)
            least = int(schema.get("minItems", 0)) if required else 0
            return Node(
                path,
                label,
                kind,
                required,
                value=str(count),
                hint=_bounds(schema),
                error=error,
                children=children,
                is_open=count > 0,
                can_grow=count < most,
                can_shrink=count > least,
            )
        value, choices = self._values.get(path, ""), tuple(schema.get("enum", ()))
        if kind == "datetime":
            value = _local(value, self._zone)
        if schema.get("type") == "boolean":
            choices = ("true", "false")
        return Node(path, label, kind, required, value, choices, _bounds(schema), error)

    def _count(self, schema: Mapping[str, Any], path: str, required: bool) -> int:
        text = self._values.get(f"{path}.count", "")
        if text.isascii() and text.isdigit():
            return min(int(text), MOST_ITEMS)
        return max(int(schema.get("minItems", 0)), 1) if required else 0

    def _has(self, path: str) -> bool:
        return any(value and name.startswith(f"{path}.") for name, value in self._values.items())

    # The payload

    def payload(self) -> dict[str, Any]:
        """Return what was filled in; `errors` says what of it is wrong."""
        found = self._object(self._root, "p", is_needed=True)
        return found if isinstance(found, dict) else {}

    def _object(self, schema: Mapping[str, Any], path: str, *, is_needed: bool) -> Any:
        required = schema.get("required", ())
        if not is_needed and not self._has(path):
            return ABSENT
        found = {}
        for name, one in schema.get("properties", {}).items():
            if name == LEFT_OUT:
                continue
            value = self._value(resolve(self._root, one), f"{path}.{name}", is_needed=name in required)
            if value is not ABSENT:
                found[name] = value
        return found

    def _value(self, schema: Mapping[str, Any], path: str, *, is_needed: bool) -> Any:
        kind = _kind(schema)
        if kind == "group":
            return self._object(schema, path, is_needed=is_needed)
        if kind == "list":
            items = resolve(self._root, schema["items"])
            numbers = range(self._count(schema, path, is_needed))
            found = [self._value(items, f"{path}.{number}", is_needed=True) for number in numbers]
            return [one for one in found if one is not ABSENT] if found or is_needed else ABSENT
        text = self._values.get(path, "").strip()
        if not text:
            if is_needed:
                self.errors[path] = _("This is required.")
            return ABSENT
        try:
            return self._scalar(kind, schema, text)
        except ValueError:
            self.errors[path] = _WRONG[kind]() if kind in _WRONG else _("This has no meaning here.")
            return ABSENT

    def _scalar(self, kind: str, schema: Mapping[str, Any], text: str) -> Any:
        if schema.get("type") == "boolean":
            return text == "true"
        if kind == "number":
            return int(text)
        if kind == "decimal":
            return float(text.replace(",", "."))
        if kind == "datetime":
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)
            return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if kind == "json":
            try:
                return json.loads(text)
            except ValueError:
                return text
        return text

    # From a payload

    def values_of(self, payload: object, path: str = "p") -> dict[str, str]:
        """Return what has to be filled in so that it says a payload."""
        found: dict[str, str] = {}
        if isinstance(payload, dict):
            for name, value in payload.items():
                found |= self.values_of(value, f"{path}.{name}")
        elif isinstance(payload, list):
            found[f"{path}.count"] = str(len(payload))
            for number, value in enumerate(payload):
                found |= self.values_of(value, f"{path}.{number}")
        elif isinstance(payload, bool):
            found[path] = "true" if payload else "false"
        elif payload is not None:
            found[path] = str(payload)
        return found


def _local(text: str, zone: ZoneInfo) -> str:
    """Return a time as the field of a browser has it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (moment.astimezone(zone) if moment.tzinfo is not None else moment).strftime("%Y-%m-%dT%H:%M:%S")


_WRONG = {
    "number": lambda: _("Enter a whole number."),
    "decimal": lambda: _("Enter a number."),
    "datetime": lambda: _("Enter a day and a time."),
}


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if kind == "object" and schema.get("properties"):
        return "group"
    if kind == "array":
        return "list"
    if schema.get("enum") or kind == "boolean":
        return "select"
    if kind == "string":
        return "datetime" if schema.get("format") == "date-time" else "text"
    return {"integer": "number", "number": "decimal"}.get(str(kind), "json")


def _bounds(schema: Mapping[str, Any]) -> str:
    words = []
    if "maxLength" in schema:
        words.append(_("at most {} characters").format(schema["maxLength"]))
    if "minimum" in schema:
        words.append(_("at least {}").format(f"{schema['minimum']:g}"))
    if "maximum" in schema:
        words.append(_("at most {}").format(f"{schema['maximum']:g}"))
    if "maxItems" in schema:
        words.append(_("at most {} of them").format(schema["maxItems"]))
    if schema.get("format") == "uri":
        words.append("URI")
    return ", ".join(words)
