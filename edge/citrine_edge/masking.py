"""Frames as others may see them: without passwords."""

from typing import Any

import orjson

__all__ = ["MASK", "observable"]

MASK = "***"
"""What stands where a password was."""

_MAX_OBSERVED = 256 * 1024
"""Bytes of a frame that are shown."""

_SECRET = b"basicauthpassword"


def observable(raw: bytes) -> str:
    """Return a frame as text, with basicAuthPassword and values of the variable BasicAuthPassword masked (A01).

    A frame that can't be read is shown as it is, unless the name of a password is in it.
    """
    if len(raw) > _MAX_OBSERVED:
        return f"[{len(raw)} bytes, not shown]"
    try:
        frame = orjson.loads(raw)
    except orjson.JSONDecodeError:
        if _SECRET in raw.lower():
            return f"[{len(raw)} bytes that are not JSON, not shown]"
        return raw.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if _mask(frame):
        return orjson.dumps(frame).decode()
    return raw.decode(errors="replace")


def _mask(value: Any) -> bool:
    """Mask passwords in a JSON value, in place; return whether there were any."""
    found = False
    if isinstance(value, dict):
        variable = value.get("variable")
        name = variable.get("name") if isinstance(variable, dict) else None
        if isinstance(name, str) and name.lower().encode() == _SECRET and "attributeValue" in value:
            value["attributeValue"] = MASK
            found = True
        for key, each in value.items():
            if key.lower().encode(errors="replace") == _SECRET and each is not None:
                value[key] = MASK
                found = True
            elif isinstance(each, dict | list):
                found |= _mask(each)
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, dict | list):
                found |= _mask(each)
    return found
