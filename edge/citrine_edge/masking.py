"""Frames as others may see them: without passwords."""

import orjson

from citrine.ocpp.secrets import KEY_CODE, SECRET_NAMES, mask_key_codes, mask_secrets

__all__ = ["MASK", "observable"]

MASK = "***"
"""What stands where a secret was."""

_MAX_OBSERVED = 256 * 1024
"""Bytes of a frame that are shown."""

_KEY_CODE = KEY_CODE.lower().encode()

_NAMES = (*(name.encode() for name in SECRET_NAMES), _KEY_CODE)


def observable(raw: bytes) -> str:
    """Return a frame as text, with passwords, keys, PINs and key codes masked (A01, C04.FR.04).

    A frame that can't be read is shown as it is, unless the name of a secret is in it.
    """
    if len(raw) > _MAX_OBSERVED:
        return f"[{len(raw)} bytes, not shown]"
    try:
        frame = orjson.loads(raw)
    except orjson.JSONDecodeError:
        if any(name in raw.lower() for name in _NAMES):
            return f"[{len(raw)} bytes that are not JSON, not shown]"
        return raw.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        masked = mask_secrets(frame, MASK)
        if _KEY_CODE in raw.lower():
            masked |= mask_key_codes(frame, MASK)
    except RecursionError:
        return f"[{len(raw)} bytes that are nested too deeply, not shown]"
    if masked:
        return orjson.dumps(frame).decode()
    return raw.decode(errors="replace")
