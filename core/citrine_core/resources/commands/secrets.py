"""Passwords in commands: found, and masked wherever a command is stored or shown."""

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import Any, TypeAlias

import orjson

from citrine.ocpp.secrets import mask_secrets

__all__ = ["MASK", "WITH_VALUES", "Name", "masked", "masked_frame", "named", "new_password"]

MASK = "********"
"""Replacement of a secret text."""

_BASIC_AUTH_PASSWORD = ("securityctrlr", "basicauthpassword")
"""Component and variable of the station's password (A01); names are case-insensitive."""

WITH_VALUES = {"SetVariables": "setVariableData", "GetVariables": "getVariableResult"}
"""Actions whose request or answer has values of variables, and the field with these."""

Name: TypeAlias = tuple[str, str]
"""Component and variable, in lower case."""


def masked(payload: Mapping[str, Any], write_only: Collection[Name] = ()) -> dict[str, Any]:
    """Return a payload in OCPP spelling with passwords, keys, PINs and the values of write-only variables masked."""
    shown = deepcopy(dict(payload))
    mask_secrets(shown, MASK)
    for entry in _entries(shown) if write_only else ():
        if "attributeValue" in entry and _name(entry) in write_only:
            entry["attributeValue"] = MASK
    return shown


def named(payload: Mapping[str, Any]) -> set[Name]:
    """Return the variables that a payload has values of."""
    return {name for entry in _entries(payload) if (name := _name(entry)) is not None}


def masked_frame(text: str, write_only: Collection[Name]) -> str:
    """Return a frame of OCPP-J as it may be shown: with the values of write-only variables masked as well.

    An edge has masked what is secret in every station.
    """
    folded = text.casefold()
    if not any(variable in folded for _, variable in write_only):
        return text
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        frame = None
    if not isinstance(frame, list):
        return "[no frame of OCPP-J, not shown]"
    shown = [masked(part, write_only) if isinstance(part, dict) else part for part in frame]
    return text if shown == frame else orjson.dumps(shown).decode()


def new_password(action: str, payload: Mapping[str, Any]) -> str | None:
    """Return the password that a command sets in the station for its next connection, or None."""
    if action != "SetVariables":
        return None
    values = [entry.get("attributeValue") for entry in _entries(payload) if _name(entry) == _BASIC_AUTH_PASSWORD]
    return values[-1] if values and isinstance(values[-1], str) else None


def _entries(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for field in WITH_VALUES.values():
        entries = payload.get(field)
        if isinstance(entries, list):
            yield from (entry for entry in entries if isinstance(entry, dict))


def _name(entry: Mapping[str, Any]) -> Name | None:
    component, variable = entry.get("component"), entry.get("variable")
    if not isinstance(component, Mapping) or not isinstance(variable, Mapping):
        return None
    return str(component.get("name")).casefold(), str(variable.get("name")).casefold()
