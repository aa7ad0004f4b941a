"""Signed messages (part 4, chapter 7)."""

import base64
import json
from typing import Any

import pytest

from citrine_edge.ocppj import BrokenSend, Call, RpcError, Send, parse

V21 = frozenset({2, 3, 4, 5, 6})


def envelope(content: bytes) -> dict[str, str]:
    """Return a flattened JWS of this content, as RFC 7515 writes it: base64url without padding."""
    return {
        "payload": base64.urlsafe_b64encode(content).decode().rstrip("="),
        "protected": "eyJhbGciOiJFUzI1NiJ9",
        "signature": "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA",
    }


def frame(kind: int, action: str, payload: object) -> bytes:
    return json.dumps([kind, "a", action, payload]).encode()


@pytest.mark.parametrize("content", [{}, {"a": 1}, {"a": "??>"}, {"a": "ü"}, None, []])
def test_signed_call_is_the_call_that_was_signed(content: Any) -> None:
    signed = frame(2, "Authorize-Signed", envelope(json.dumps(content, ensure_ascii=False).encode()))

    assert parse(signed, V21) == Call("a", "Authorize", content)


def test_signed_send_is_the_send_that_was_signed() -> None:
    signed = frame(6, "NotifyPeriodicEventStream-Signed", envelope(b'{"id":1}'))

    assert parse(signed, V21) == Send("a", "NotifyPeriodicEventStream", {"id": 1})


def test_nul_is_replaced_inside_too() -> None:
    signed = frame(2, "Authorize-Signed", envelope(b'{"a":"\\u0000"}'))

    assert parse(signed, V21) == Call("a", "Authorize", {"a": "\ufffd"})


@pytest.mark.parametrize(
    "payload",
    [
        {},
        [],
        None,
        {"payload": 1},
        {"payload": "???"},
        {"payload": "ü"},
        {"payload": ""},
        envelope(b"no json"),
        envelope(b"\xff"),
        envelope(b"[" * 60 + b"]" * 60),
    ],
)
def test_what_holds_no_payload_is_refused(payload: Any) -> None:
    with pytest.raises(RpcError, match="FormatViolation") as refused:
        parse(frame(2, "Authorize-Signed", payload), V21)
    with pytest.raises(BrokenSend):
        parse(frame(6, "Authorize-Signed", payload), V21)

    assert refused.value.message_id == "a"
