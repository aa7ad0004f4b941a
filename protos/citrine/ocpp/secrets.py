"""What is secret in OCPP's messages, and is shown to nobody: passwords, keys and PINs."""

import re
from typing import Any

__all__ = ["KEY_CODE", "SECRET_KEYS", "SECRET_NAMES", "SECRET_VARIABLES", "mask_key_codes", "mask_secrets"]

KEY_CODE = "KeyCode"
"""Type of the tokens that drivers type. Nobody who reads along may see them (C04.FR.04)."""

SECRET_VARIABLES = frozenset({"basicauthpassword", "vpnpassword", "vpnkey", "apnpassword", "simpin", "sharedsecret"})
"""Variables of the standard device model whose value is secret, in lower case: OCPP's names know no case."""

SECRET_KEYS = frozenset({"authorizationkey"})
"""Configuration keys of OCPP 1.6 whose value is secret, in lower case."""

_LOCATIONS = frozenset({"remotelocation", "location"})
"""Fields that hold the URL of a file, which may hold a password or a signature, in lower case."""

_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/]*@")
"""User and password of a URL."""

_SIGNED = re.compile(
    r"(?<=[?&])([^=&#]*(?:sig|token|key|secret|passw(?:or)?d|credential|auth)[^=&#]*)=[^&#]*", re.IGNORECASE
)
"""Parameters of a URL that let its holder in, as those of presigned URLs do."""

_ANYWHERE = frozenset({"password", "passwd", "pin", "secret", "privatekey"})
"""Fields that no message of OCPP has outside of a VPN, but that messages have which OCPP does not know."""

SECRET_NAMES = SECRET_VARIABLES | SECRET_KEYS | _LOCATIONS | _ANYWHERE | {"vpn"}
"""Names of which one is in every message that bears a secret, in lower case."""

_FIELDS = frozenset({"basicauthpassword", "apnpassword", "simpin"}) | _ANYWHERE
"""Fields of NetworkConnectionProfile and what is within, and others that their name gives away, in lower case."""

_VPN_FIELDS = frozenset({"password", "key"})
"""Fields of VPN, in lower case."""

_VALUES = ("attributeValue", "actualValue", "value")
"""Where messages hold the value of the variable that they name."""


def mask_secrets(value: Any, mask: str) -> bool:
    """Mask secrets in a JSON value in OCPP spelling, in place; return whether there were any.

    Whole numbers become 0, so that what is masked is still of the type that the schema asks for.
    """
    if isinstance(value, list):
        # Not any(), which stops at the first.
        return sum(mask_secrets(each, mask) for each in value) > 0
    if not isinstance(value, dict):
        return False
    found = _names_secret(value) and _mask_value(value, mask)
    for key, each in value.items():
        name = key.lower()
        if name in _FIELDS:
            found |= _mask_field(value, key, mask)
        elif name in _LOCATIONS and isinstance(each, str):
            value[key] = _SIGNED.sub(rf"\1={mask}", _PASSWORD.sub(rf"\1:{mask}@", each))
            found |= value[key] != each
        elif name == "vpn" and isinstance(each, dict):
            for field in each:
                if field.lower() in _VPN_FIELDS:
                    found |= _mask_field(each, field, mask)
        else:
            found |= mask_secrets(each, mask)
    return found


def mask_key_codes(value: Any, mask: str) -> bool:
    """Mask what drivers type in a JSON value in OCPP spelling, in place; return whether there was any (C04.FR.04)."""
    if isinstance(value, list):
        return sum(mask_key_codes(each, mask) for each in value) > 0
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    if isinstance(kind, str) and kind.lower() == KEY_CODE.lower() and isinstance(value.get("idToken"), str):
        value["idToken"] = mask
        return True
    return sum(mask_key_codes(each, mask) for each in value.values()) > 0


def _names_secret(value: dict[str, Any]) -> bool:
    variable = value.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else None
    if isinstance(name, str) and name.lower() in SECRET_VARIABLES:
        return True
    key = value.get("key")
    return isinstance(key, str) and key.lower() in SECRET_KEYS


def _mask_value(value: dict[str, Any], mask: str) -> bool:
    found = False
    attributes = value.get("variableAttribute")
    for holder in (value, *(attributes if isinstance(attributes, list) else ())):
        if isinstance(holder, dict):
            for key in _VALUES:
                if key in holder:
                    found |= _mask_field(holder, key, mask)
    return found


def _mask_field(holder: dict[str, Any], key: str, mask: str) -> bool:
    if holder[key] is None:
        return False
    holder[key] = 0 if isinstance(holder[key], int) else mask
    return True
