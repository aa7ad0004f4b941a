"""Signed messages: a CALL or SEND whose payload is a flattened JWS (part 4, chapter 7).

The signed content is unwrapped and processed as any message. Verification of the signature is optional (7.2), and not
done.
"""

import base64
from typing import Any

import orjson

from citrine_edge.ocppj.errors import Code, RpcError

__all__ = ["SUFFIX", "open_envelope"]

SUFFIX = "-Signed"
"""Suffix of the action of a signed message."""


def open_envelope(payload: Any) -> Any:
    """Return the payload of a flattened JWS (RFC 7515, 7.2.2).

    Raises:
        RpcError: FormatViolation, when there is no payload.
    """
    content = payload.get("payload") if isinstance(payload, dict) else None
    if not isinstance(content, str):
        raise RpcError(Code.FORMAT_VIOLATION, "the payload of a signed message is not a flattened JWS")
    try:
        # base64url has no padding here, which Python requires.
        return orjson.loads(base64.b64decode(content + "=" * (-len(content) % 4), altchars=b"-_", validate=True))
    except ValueError:
        raise RpcError(Code.FORMAT_VIOLATION, "the signed payload is not JSON in base64url") from None
