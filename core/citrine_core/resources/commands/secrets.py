"""Passwords in commands: found, and masked wherever a command is stored or shown."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from citrine.ocpp.secrets import mask_secrets

__all__ = ["MASK", "masked", "new_password"]

MASK = "********"
"""Replacement of a secret text."""

_BASIC_AUTH_PASSWORD = ("securityctrlr", "basicauthpassword")
"""Component and variable of the station's password (A01); names are case-insensitive."""


def masked(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload in OCPP spelling with passwords, keys and PINs masked."""
    shown = deepcopy(dict(payload))
    mask_secrets(shown, MASK)
    return shown


def new_password(action: str, payload: Mapping[str, Any]) -> str | None:
    """Return the password that a command sets in the station for its next connection, or None."""
    if action != "SetVariables":
        return None
    values = [entry.get("attributeValue") for entry in _password_settings(payload)]
    return values[-1] if values and isinstance(values[-1], str) else None


def _password_settings(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    entries = payload.get("setVariableData")
    return (entry for entry in entries if _sets_password(entry)) if isinstance(entries, list) else iter(())


def _sets_password(entry: object) -> bool:
    if not isinstance(entry, Mapping):
        return False
    component, variable = entry.get("component"), entry.get("variable")
    if not isinstance(component, Mapping) or not isinstance(variable, Mapping):
        return False
    return (str(component.get("name")).casefold(), str(variable.get("name")).casefold()) == _BASIC_AUTH_PASSWORD
