"""The codec of OCPP-J frames (part 4, chapter 4). No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

__all__ = [
    "Call",
    "CallError",
    "CallResult",
    "CallResultError",
    "Frame",
    "Ignored",
    "Malformed",
    "decode",
    "encode_call",
    "encode_error",
    "encode_result",
    "encode_result_error",
    "error_code",
]

MESSAGE_ID_LENGTH = 36
"""Longest message id, in characters (part 4, 4.1.4)."""

UNREADABLE_ID = "-1"
"""Message id of a CALLERROR to a frame without a readable id (part 4, 4.2.3)."""

DESCRIPTION_LENGTH = 255
"""Longest errorDescription, in characters."""


_SPELLINGS_16 = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "MessageTypeNotSupported": "NotSupported",
    "RpcFrameworkError": "GenericError",
}
"""Error codes of 1.6 for those of OCPP 2.x that it lacks or spells in another way."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request: CALL."""

    message_id: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallResult:
    """An answer: CALLRESULT."""

    message_id: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallError:
    """A refusal: CALLERROR."""

    message_id: str
    code: str
    description: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallResultError:
    """A refusal of an answer: CALLRESULTERROR (2.1)."""

    message_id: str
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A malformed frame, with the CALLERROR to send."""

    message_id: str
    code: str
    problem: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame to drop without an answer."""

    problem: str


Frame = Call | CallResult | CallError | CallResultError | Malformed | Ignored


def decode(text: str | bytes, version: str) -> Frame:
    """Decode one message of the CSMS. Never raises: every text has a frame."""
    frame = _decode(text, version)
    if version == "1.6" and isinstance(frame, Malformed) and frame.message_id == UNREADABLE_ID:
        # 1.6 has no answer to what has no message id.
        return Ignored(frame.problem)
    return frame


def _decode(text: str | bytes, version: str) -> Frame:
    try:
        message = orjson.loads(text)
    except ValueError:
        return Malformed(UNREADABLE_ID, "RpcFrameworkError", "not JSON")
    match message:
        case [2, str(message_id), str(action), dict(payload)] if len(message_id) <= MESSAGE_ID_LENGTH:
            return Call(message_id, action, payload)
        case [3, str(message_id), dict(payload)]:
            return CallResult(message_id, payload)
        case [4, str(message_id), str(code), str(description), dict(details)]:
            return CallError(message_id, code, description, details)
        case [5, str(message_id), str(code), str(description), dict()] if version == "2.1":
            return CallResultError(message_id, code, description)
        case [3 | 4 | 5, *_]:
            # Malformed answers get no answer, to avoid endless loops.
            return Ignored("not an answer")
        case [6, *_] if version == "2.1":
            return Ignored("nothing that a CSMS may SEND")
        case [2, str(message_id), *_] if len(message_id) <= MESSAGE_ID_LENGTH:
            return Malformed(message_id, "ProtocolError", "wrong elements for a CALL")
        case [2, *_]:
            return Malformed(UNREADABLE_ID, "RpcFrameworkError", "the message id cannot be read")
        case [int(kind), str(message_id), *_] if len(message_id) <= MESSAGE_ID_LENGTH:
            # In 2.1 and 1.6, unknown message types are dropped (part 4, 4.1.3).
            if version == "2.0.1":
                return Malformed(message_id, "MessageTypeNotSupported", f"message type {kind}")
            return Ignored("unknown message type")
    return Malformed(UNREADABLE_ID, "RpcFrameworkError", "not an OCPP-J message")


def error_code(code: str, version: str) -> str:
    """Return an RPC error code as a version spells it (OCPP-J 1.6, table 7)."""
    return _SPELLINGS_16.get(code, code) if version == "1.6" else code


def encode_call(message_id: str, action: str, payload: Mapping[str, Any]) -> str:
    """Return a CALL as text."""
    return orjson.dumps([2, message_id, action, payload]).decode()


def encode_result(message_id: str, payload: Mapping[str, Any]) -> str:
    """Return a CALLRESULT as text."""
    return orjson.dumps([3, message_id, payload]).decode()


def encode_error(message_id: str, code: str, description: str, details: Mapping[str, Any] | None = None) -> str:
    """Return a CALLERROR as text. The description is truncated to DESCRIPTION_LENGTH."""
    return orjson.dumps([4, message_id, code, description[:DESCRIPTION_LENGTH], details or {}]).decode()


def encode_result_error(message_id: str, code: str, description: str) -> str:
    """Return a CALLRESULTERROR (2.1) as text. The description is truncated to DESCRIPTION_LENGTH."""
    return orjson.dumps([5, message_id, code, description[:DESCRIPTION_LENGTH], {}]).decode()
