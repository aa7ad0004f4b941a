"""The official JSON schemas of OCPP, compiled, and what each violation is called in OCPP-J.

The schemas ship in the ``ocpp`` package. The format of times is left to the codec, which every payload passes next:
one place decides which times are good.
"""

import copy
from collections.abc import Mapping
from importlib import resources
from typing import Any, Literal

import jsonschema_rs
import orjson

from citrine_edge.ocppj.errors import Code, RpcError

__all__ = ["Schema", "Schemas"]

_CODES: Mapping[str, Code] = {
    # Ordered: of two violations at the same depth the one named first here is reported.
    "required": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
    "type": Code.TYPE_CONSTRAINT_VIOLATION,
    "minItems": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
    "maxItems": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
    "additionalItems": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
    # A name that the schema does not have is no field with a wrong number of values, but wrong syntax.
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

_Path = tuple[str | int, ...]


class Schema:
    """The schema of one request or response."""

    __slots__ = ("_validator", "is_valid")

    def __init__(self, document: dict[str, Any]) -> None:
        self._validator = jsonschema_rs.Draft6Validator(document, validate_formats=False)
        self.is_valid = self._validator.is_valid

    def check(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return the payload, which may be a mended copy of a harmless defect.

        Where an optional property is null or an empty array, it counts as absent: that is not allowed (part 4,
        4.1.5), yet stations send it, and nothing is lost.

        Raises:
            RpcError: When the payload violates the schema otherwise; always the same for the same payload.
        """
        return payload if self.is_valid(payload) else self._check_mended(payload)

    def additional(self, payload: dict[str, Any]) -> list[_Path] | None:
        """Return the properties that the schema does not have, or None where it has other complaints too."""
        found: list[_Path] = []
        for error in self._validator.iter_errors(payload):
            kind: Any = error.kind
            if kind.name != "additionalProperties":
                return None
            found += [(*error.instance_path, name) for name in kind.unexpected]
        return found

    def _check_mended(self, payload: dict[str, Any]) -> dict[str, Any]:
        absent = [
            path
            for error in self._validator.iter_errors(payload)
            if (path := tuple(error.instance_path)) and _value_at(payload, path) in (None, [])
        ]
        absent = [path for path in absent if type(path[-1]) is str]
        if absent:
            mended = copy.deepcopy(payload)
            removed = {path: _remove(mended, path) for path in absent if _holds(mended, path)}
            for error in self._validator.iter_errors(mended):
                kind: Any = error.kind
                if kind.name == "required":
                    path = (*error.instance_path, kind.property)
                    if path in removed:
                        _parent(mended, path)[path[-1]] = removed[path]
            payload = mended
        errors = list(self._validator.iter_errors(payload))
        if not errors:
            return payload
        raise _explain(errors)


class Schemas:
    """The schemas of one version of OCPP, read and compiled at first use."""

    def __init__(self, folder: Literal["v201", "v21"]) -> None:
        self._files = resources.files("ocpp") / folder / "schemas"
        self._requests: dict[str, Schema] = {}
        self._responses: dict[str, Schema] = {}

    def request(self, action: str) -> Schema:
        """Return the schema of the CALL or SEND of a known action."""
        schema = self._requests.get(action)
        if schema is None:
            file = self._files / f"{action}Request.json"
            # What is sent as SEND is no request, and its schema is not called so.
            schema = _read(file if file.is_file() else self._files / f"{action}.json")
            self._requests[action] = schema
        return schema

    def response(self, action: str) -> Schema:
        """Return the schema of the CALLRESULT to a known action."""
        schema = self._responses.get(action)
        if schema is None:
            schema = self._responses[action] = _read(self._files / f"{action}Response.json")
        return schema


def _read(file: Any) -> Schema:
    # Some of the files begin with a byte order mark.
    return Schema(orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf")))


def _explain(errors: list[Any]) -> RpcError:
    found = []
    for error in errors:
        keyword, path = error.kind.name, tuple(error.instance_path)
        value: Any = getattr(error.kind, "value", "")
        if keyword == "required":
            path = (*path, error.kind.property)
        elif keyword == "additionalProperties":
            path = (*path, min(error.kind.unexpected))
        elif keyword == "type":
            value = " or ".join(error.kind.types)
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        rank = _RANKS.get(keyword, len(_RANKS))
        found.append((len(path), rank, _pointer(path), keyword, value))
    _, _, pointer, keyword, value = min(found, key=lambda each: each[:3])
    code = _CODES.get(keyword, Code.FORMAT_VIOLATION)
    problem = _PROBLEMS.get(keyword, "violates the schema").format(value=value)
    return RpcError(code, f"{pointer or 'the payload'} {problem}")


def _pointer(path: _Path) -> str:
    """Return a JSON pointer, as the codec's errors have it."""
    return "".join(f"/{str(each).replace('~', '~0').replace('/', '~1')}" for each in path)


def _parent(document: Any, path: _Path) -> Any:
    for each in path[:-1]:
        document = document[each]
    return document


def _value_at(document: Any, path: _Path) -> Any:
    return _parent(document, path)[path[-1]]


def _holds(document: Any, path: _Path) -> bool:
    return path[-1] in _parent(document, path)


def _remove(document: Any, path: _Path) -> Any:
    return _parent(document, path).pop(path[-1])
