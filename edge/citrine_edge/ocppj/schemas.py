"""The official JSON schemas of OCPP, compiled, and the OCPP-J error code of each violation.

The schemas ship in the ``ocpp`` package. They do not check the format of times. The codec, which every payload passes
next, does: one place decides which times are valid.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, TypeAlias

import jsonschema_rs
import orjson

from citrine_edge.ocppj.errors import Code, RpcError

__all__ = ["Path", "Schema", "Schemas", "Violation", "pointer_of", "remove", "value_at"]

_CODES: Mapping[str, Code] = {
    # The order matters: of two violations at the same depth, the one whose keyword is first here is reported.
    "required": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
    "type": Code.TYPE_CONSTRAINT_VIOLATION,
    "minItems": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
    "maxItems": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
    "additionalItems": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
    # A property that the schema does not have is wrong syntax, not a wrong number of values.
    "additionalProperties": Code.FORMAT_VIOLATION,
    "enum": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "maxLength": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "minLength": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "minimum": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "maximum": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "exclusiveMinimum": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "exclusiveMaximum": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "multipleOf": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "pattern": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "format": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "const": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "uniqueItems": Code.PROPERTY_CONSTRAINT_VIOLATION,
}
_RANKS = {keyword: rank for rank, keyword in enumerate(_CODES)}

_PROBLEMS: Mapping[str, str] = {
    "required": "is required",
    "type": "is not of type {value}",
    "minItems": "has fewer items than {value}",
    "maxItems": "has more items than {value}",
    "additionalProperties": "is not in the schema",
    "enum": "is not one of the allowed values",
    "maxLength": "is longer than {value} characters",
    "minLength": "is shorter than {value} characters",
    "minimum": "is less than {value}",
    "maximum": "is greater than {value}",
}

Path: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead to a value in a payload."""

_OMISSIBLE: Mapping[tuple[str, str], frozenset[Path]] = {
    # A required property that stations omit, and whose absence can only mean that the value is not known. OCPP 2.0.1
    # does not have the property, so nothing here relies on it.
    ("v21", "NotifyMonitoringReport"): frozenset(
        {("monitor", "*", "variableMonitoring", "*", "eventNotificationType")},
    ),
}


_SAMPLED_UNIT: Path = (
    *("properties", "transactionData", "items", "properties", "sampledValue", "items", "properties", "unit", "enum"),
)

_MORE_VALUES: Mapping[tuple[str, str], tuple[Path, str]] = {
    # The unit of Frequency, which the errata added to MeterValues only (OCPP 1.6, errata 3.86).
    ("v16", "StopTransaction"): (_SAMPLED_UNIT, "Hertz"),
}
"""Values that the enum at a path of the schema lacks."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation of a schema by a payload."""

    keyword: str
    path: Path
    """Path of the value. Of a missing property, where it would be; of a superfluous one, where it is."""
    value: Any
    """What the keyword demands, as text for people."""
    options: tuple[str, ...] = ()
    """Of an enum, the values that are allowed."""

    @property
    def pointer(self) -> str:
        """The path as JSON pointer, in the form of the codec's errors."""
        return pointer_of(self.path)

    @property
    def rank(self) -> tuple[int, int, str]:
        """The sort key that chooses the violation to report: the outermost comes first, and the order is total."""
        return len(self.path), _RANKS.get(self.keyword, len(_RANKS)), self.pointer

    @property
    def code(self) -> Code:
        """The error code of OCPP-J."""
        return _CODES.get(self.keyword, Code.FORMAT_VIOLATION)

    def error(self) -> RpcError:
        """Return the violation as the error to answer."""
        problem = _PROBLEMS.get(self.keyword, "violates the schema").format(value=self.value)
        return RpcError(self.code, f"{self.pointer or 'the payload'} {problem}", path=self.pointer)


class Schema:
    """The schema of one request or response."""

    __slots__ = ("_omissible", "_validator", "is_valid", "names", "required", "times")

    def __init__(self, document: dict[str, Any], omissible: frozenset[Path] = frozenset()) -> None:
        self._validator = jsonschema_rs.Draft6Validator(document, validate_formats=False)
        self._omissible = omissible
        self.is_valid = self._validator.is_valid
        self.names = frozenset(_names(document))
        """Names of all properties, at all levels."""
        self.required = frozenset(document.get("required", ()))
        """Names of the properties that must be there, of the outermost object."""
        self.times = frozenset(_times(document))
        """Names of the properties that are times, at all levels."""

    def check(self, payload: dict[str, Any], mended: list[RpcError] | None = None) -> dict[str, Any]:
        """Return the payload, or a copy of it in which harmless defects are repaired.

        An optional property that is null or an empty array counts as absent. That is not allowed (part 4, 4.1.5), but
        stations send it, and no information is lost. A required property that stations may omit is not added.

        Args:
            payload: The payload.
            mended: The repaired defects are appended to it.

        Raises:
            RpcError: When the payload violates the schema otherwise; the same payload always gets the same error.
        """
        if self.is_valid(payload):
            return payload
        payload, harmless = self.mend(payload)
        left = self.violations(payload)
        if left:
            raise min(left, key=lambda each: each.rank).error()
        if mended is not None:
            mended += harmless
        return payload

    def violations(self, payload: dict[str, Any]) -> list[Violation]:
        """Return all violations of the schema, except properties that stations may omit."""
        return [each for each in self._all(payload) if not self._may_be_missing(each)]

    def additional(self, payload: dict[str, Any]) -> list[Path] | None:
        """Return the paths of properties that the schema does not have, or None if there are other violations too."""
        found = list(self._all(payload))
        if any(each.keyword != "additionalProperties" for each in found):
            return None
        return [each.path for each in found]

    def _all(self, payload: dict[str, Any]) -> Iterator[Violation]:
        for error in self._validator.iter_errors(payload):
            # Any, because each kind of error has attributes of its own.
            kind: Any = error.kind
            path: Path = tuple(error.instance_path)
            match kind.name:
                case "required":
                    yield Violation("required", (*path, kind.property), "")
                case "additionalProperties":
                    for name in kind.unexpected:
                        yield Violation("additionalProperties", (*path, name), "")
                case "enum":
                    yield Violation("enum", path, "", tuple(kind.options))
                case "type":
                    yield Violation("type", path, " or ".join(kind.types))
                case _:
                    value = getattr(kind, "value", "")
                    if isinstance(value, float) and value.is_integer():
                        value = int(value)
                    yield Violation(kind.name, path, value)

    def _may_be_missing(self, violation: Violation) -> bool:
        if violation.keyword != "required" or not self._omissible:
            return False
        return tuple("*" if type(each) is int else each for each in violation.path) in self._omissible

    def mend(self, payload: dict[str, Any]) -> tuple[dict[str, Any], list[RpcError]]:
        """Return a payload with harmless defects repaired, and those defects; it may still violate the schema."""
        harmless = [
            each
            for each in self._all(payload)
            if self._may_be_missing(each)
            or (
                each.keyword not in ("required", "additionalProperties")
                and each.path
                and type(each.path[-1]) is str
                and value_at(payload, each.path) in (None, [])
            )
        ]
        absent = [each.path for each in harmless if each.keyword != "required"]
        if absent:
            copied = copy.deepcopy(payload)
            removed = {path: remove(copied, path) for path in absent if _contains(copied, path)}
            for each in self._all(copied):
                if each.keyword == "required" and each.path in removed:
                    _parent(copied, each.path)[each.path[-1]] = removed[each.path]
            payload = copied
        return payload, [each.error() for each in harmless]


class Schemas:
    """The schemas of one version of OCPP, read and compiled at first use."""

    def __init__(self, folder: Literal["v16", "v201", "v21"]) -> None:
        self._folder: str = folder
        self._files = resources.files("ocpp") / folder / "schemas"
        self._requests: dict[str, Schema] = {}
        self._responses: dict[str, Schema] = {}

    def request(self, action: str) -> Schema:
        """Return the schema of the CALL or SEND of a known action."""
        schema = self._requests.get(action)
        if schema is None:
            file = self._files / f"{action}Request.json"
            # The schema of a SEND has no "Request" in its name, as a SEND is no request.
            file = file if file.is_file() else self._files / f"{action}.json"
            document, which = _read(file), (self._folder, action)
            if which in _MORE_VALUES:
                path, value = _MORE_VALUES[which]
                value_at(document, path).append(value)
            schema = self._requests[action] = Schema(document, _OMISSIBLE.get(which, frozenset()))
        return schema

    def response(self, action: str) -> Schema:
        """Return the schema of the CALLRESULT to a known action."""
        schema = self._responses.get(action)
        if schema is None:
            schema = self._responses[action] = Schema(_read(self._files / f"{action}Response.json"))
        return schema


def _read(file: Any) -> dict[str, Any]:
    # Some of the files begin with a byte order mark.
    document: dict[str, Any] = orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    return document


def _names(document: Any) -> Iterator[str]:
    """Yield the names of the properties of a schema and of its definitions."""
    if type(document) is dict:
        properties = document.get("properties")
        if type(properties) is dict:
            yield from properties
        for each in document.values():
            yield from _names(each)


def pointer_of(path: Path) -> str:
    """Return a path as JSON pointer."""
    return "".join(f"/{str(each).replace('~', '~0').replace('/', '~1')}" for each in path)


def _times(document: Any) -> Iterator[str]:
    """Yield the names of the properties of a schema and of its definitions that are times."""
    if type(document) is dict:
        for name, each in document.items():
            if type(each) is dict and each.get("format") == "date-time":
                yield name
            yield from _times(each)


def _parent(document: Any, path: Path) -> Any:
    for each in path[:-1]:
        document = document[each]
    return document


def value_at(document: Any, path: Path) -> Any:
    """Return the value at a path, which must exist."""
    return _parent(document, path)[path[-1]]


def _contains(document: Any, path: Path) -> bool:
    return path[-1] in _parent(document, path)


def remove(document: Any, path: Path) -> Any:
    """Remove the value at a path, which must exist, from a document, and return it."""
    return _parent(document, path).pop(path[-1])
