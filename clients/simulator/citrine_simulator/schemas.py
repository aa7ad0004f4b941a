"""Checks of received payloads against the official JSON schemas."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

import jsonschema_rs
import orjson

__all__ = ["SchemaProblem", "Schemas"]

_FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}

_RESPONSE = "Response"

_CODES: Mapping[str, str] = {
    "type": "TypeConstraintViolation",
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "additionalProperties": "FormatViolation",
}
"""RPC error code by JSON schema keyword. Other keywords are PropertyConstraintViolation."""


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """A violation of a schema by a payload."""

    code: str
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path or 'payload'}: {self.problem}"


class Schemas:
    """The schemas of one OCPP version, each compiled at its first use.

    Stations may share one object.
    """

    def __init__(self, version: str) -> None:
        """Use the schemas of OCPP ``1.6``, ``2.0.1`` or ``2.1`` in the ``ocpp`` package."""
        self.version = version
        # Those of requests have no suffix in 1.6.
        self._request = "" if version == "1.6" else "Request"
        self._folder = resources.files("ocpp") / _FOLDERS[version] / "schemas"
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    @cached_property
    def actions(self) -> frozenset[str]:
        """All actions of this OCPP version, in both directions."""
        names = (entry.name.removesuffix(f"{_RESPONSE}.json") for entry in self._folder.iterdir())
        return frozenset(name for name in names if not name.endswith(".json"))

    def check_request(self, action: str, payload: Mapping[str, Any]) -> SchemaProblem | None:
        """Return the first violation in the payload of a CALL, or None. The action must be one of `actions`."""
        return self._check(f"{action}{self._request}", payload)

    def check_response(self, action: str, payload: Mapping[str, Any]) -> SchemaProblem | None:
        """Return the first violation in the payload of a CALLRESULT, or None. The action must be one of `actions`."""
        return self._check(f"{action}{_RESPONSE}", payload)

    def _check(self, name: str, payload: Mapping[str, Any]) -> SchemaProblem | None:
        validator = self._validators.get(name)
        if validator is None:
            schema = orjson.loads((self._folder / f"{name}.json").read_text("utf-8-sig"))
            validator = self._validators[name] = jsonschema_rs.validator_for(schema)
        for error in validator.iter_errors(payload):
            keyword = str(error.schema_path[-1]) if error.schema_path else ""
            path = ".".join(str(step) for step in error.instance_path)
            return SchemaProblem(_CODES.get(keyword, "PropertyConstraintViolation"), path, keyword)
        return None
