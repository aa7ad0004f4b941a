"""OCPP-J frames: from bytes to one of five messages, and back to compact JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import orjson

from citrine_edge.ocppj.errors import BrokenAnswer, BrokenSend, Code, RpcError, clip
from citrine_edge.ocppj.remedies import Tolerance
from citrine_edge.ocppj.signed import SUFFIX, open_envelope

__all__ = [
    "CALL",
    "CALLERROR",
    "CALLRESULT",
    "CALLRESULTERROR",
    "MAX_DEPTH",
    "MAX_MESSAGE_ID",
    "SEND",
    "UNREADABLE_ID",
    "Call",
    "CallError",
    "CallResult",
    "CallResultError",
    "Frame",
    "Send",
    "depth_exceeds",
    "elements_of",
    "encode_call",
    "encode_error",
    "encode_result",
    "encode_result_error",
    "parse",
]

CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND = 2, 3, 4, 5, 6
"""Message type numbers (part 4, 4.1.3). The last two came with OCPP 2.1."""

UNREADABLE_ID = "-1"
"""Message id of the CALLERROR to a frame whose own message id can't be read (part 4, 4.2.3)."""

MAX_MESSAGE_ID = 36
"""Characters of a message id (part 4, 4.1.4)."""

MOST_TOLERATED = 255
"""Characters of the longest message id that an operator may tolerate."""

MAX_DEPTH = 40
"""Most levels of nested arrays and objects in a frame. Schemas need less than half; vendor data may have 24."""

_OTHER_SPELLINGS: Mapping[str, str] = {
    "FormationViolation": Code.FORMAT_VIOLATION.value,
    "OccurenceConstraintViolation": Code.OCCURRENCE_CONSTRAINT_VIOLATION.value,
}
"""Error codes as OCPP 1.6 spells them; stations of all versions have been seen to use either."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(slots=True)
class Call:
    """CALL: a request. Its payload may be any JSON value: it is not yet checked to be an object."""

    message_id: str | int
    """A number only where an operator tolerates that."""
    action: str
    payload: Any


@dataclass(slots=True)
class CallResult:
    """CALLRESULT: the answer to a request."""

    message_id: str
    payload: Any


@dataclass(slots=True)
class CallError:
    """CALLERROR: a request was not processed."""

    message_id: str
    code: str
    description: str
    details: dict[str, Any]


@dataclass(slots=True)
class CallResultError:
    """CALLRESULTERROR: an answer was not processed (OCPP 2.1)."""

    message_id: str
    code: str
    description: str
    details: dict[str, Any]


@dataclass(slots=True)
class Send:
    """SEND: a message that nobody answers (OCPP 2.1)."""

    message_id: str
    action: str
    payload: Any


Frame: TypeAlias = Call | CallResult | CallError | CallResultError | Send


def parse(raw: bytes, message_types: frozenset[int], *, any_id: bool = False) -> Frame:
    r"""Parse one frame of a version that has these message types.

    A signed message is unwrapped from its envelope. A NUL in a string, written as the escape ``\u0000``, becomes
    U+FFFD, because PostgreSQL can't store a NUL.

    With ``any_id``, the message id of a CALL may be a number, or longer than OCPP allows.

    Raises:
        RpcError: When the frame must be answered with a CALLERROR; the error has the message id of that answer.
        BrokenAnswer: When a CALLRESULT, CALLERROR or CALLRESULTERROR is malformed.
        BrokenSend: When a SEND is malformed.
    """
    try:
        elements = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _unreadable("the frame is not valid JSON in UTF-8") from None
    if type(elements) is not list or not elements:
        raise _unreadable("the frame is not a JSON array with a message type")
    kind = elements[0]
    message_id: Any = elements[1] if len(elements) > 1 else None
    is_id = type(message_id) is str and len(message_id) <= MAX_MESSAGE_ID and "\0" not in message_id
    if not is_id and not (any_id and kind == CALL and _is_tolerable(message_id)):
        _refuse_without_id(kind, message_id, message_types)
    # Counting brackets is cheap, and walking the elements is not. Only a frame with many brackets can be deep.
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and depth_exceeds(elements, MAX_DEPTH):
        problem = f"the frame is nested deeper than {MAX_DEPTH} levels"
        _refuse(kind, message_id, Code.FORMAT_VIOLATION, problem, message_types)
    if b"\\u0000" in raw:
        elements = _without_nul(elements)
    if kind == CALL:
        if len(elements) != 4 or type(elements[2]) is not str:
            problem = "a CALL has four elements: message type, message id, action, payload"
            raise RpcError(Code.RPC_FRAMEWORK_ERROR, problem, message_id)
        if elements[2].endswith(SUFFIX):
            elements = _open_signed(elements, message_types)
        return Call(message_id, elements[2], elements[3])
    return _parse_rare(kind, message_id, elements, message_types)


def _parse_rare(kind: Any, message_id: str, elements: list[Any], message_types: frozenset[int]) -> Frame:
    if type(kind) not in (int, float) or kind not in message_types:
        _refuse(kind, message_id, Code.RPC_FRAMEWORK_ERROR, "", message_types)
    if kind == CALLRESULT:
        if len(elements) != 3:
            problem = "a CALLRESULT has three elements: message type, message id, payload"
            _refuse(kind, message_id, Code.RPC_FRAMEWORK_ERROR, problem, message_types)
        return CallResult(message_id, elements[2])
    if kind == SEND:
        if len(elements) != 4 or type(elements[2]) is not str:
            problem = "a SEND has four elements: message type, message id, action, payload"
            _refuse(kind, message_id, Code.RPC_FRAMEWORK_ERROR, problem, message_types)
        if elements[2].endswith(SUFFIX):
            elements = _open_signed(elements, message_types)
        return Send(message_id, elements[2], elements[3])
    # Stations omit description and details, or exceed their limits; only the code matters.
    code, description, details = [*elements[2:5], None, None, None][:3]
    if type(code) is str:
        code = _OTHER_SPELLINGS.get(code, code)
    error = CallError if kind == CALLERROR else CallResultError
    return error(
        message_id,
        clip(code, 50) if type(code) is str and code else Code.GENERIC_ERROR,
        clip(description) if type(description) is str else "",
        details if type(details) is dict else {},
    )


def _open_signed(elements: list[Any], message_types: frozenset[int]) -> list[Any]:
    """Return the elements of the message inside a signed CALL or SEND."""
    kind, message_id, action, envelope = elements
    try:
        payload = open_envelope(envelope)
    except RpcError as error:
        _refuse(kind, message_id, error.code, error.description, message_types)
    if depth_exceeds(payload, MAX_DEPTH):
        problem = f"the signed payload is nested deeper than {MAX_DEPTH} levels"
        _refuse(kind, message_id, Code.FORMAT_VIOLATION, problem, message_types)
    return [kind, message_id, action.removesuffix(SUFFIX), _without_nul(payload)]


def _unreadable(problem: str) -> RpcError:
    return RpcError(Code.RPC_FRAMEWORK_ERROR, problem, UNREADABLE_ID)


def _refuse_without_id(kind: Any, message_id: Any, message_types: frozenset[int]) -> NoReturn:
    if type(message_id) is str and "\0" not in message_id:
        problem = f"the message id is longer than {MAX_MESSAGE_ID} characters"
    else:
        problem = "the message id can't be read"
    try:
        _refuse(kind, None, Code.RPC_FRAMEWORK_ERROR, problem, message_types)
    except RpcError as error:
        if kind == CALL and _is_tolerable(message_id):
            error.remedies = (Tolerance.MESSAGE_IDS,)
        raise


def _is_tolerable(message_id: Any) -> bool:
    """Return whether an operator may tolerate a message id: a number, or text that is too long."""
    if type(message_id) is int:
        return True
    return type(message_id) is str and len(message_id) <= MOST_TOLERATED and "\0" not in message_id


def _refuse(kind: Any, message_id: str | None, code: Code, problem: str, message_types: frozenset[int]) -> NoReturn:
    """Raise the error that fits the kind of frame: an answer or a SEND gets no CALLERROR."""
    answer_id = UNREADABLE_ID if message_id is None else message_id
    if type(kind) not in (int, float):
        raise RpcError(Code.RPC_FRAMEWORK_ERROR, "the message type is not a number", answer_id)
    if kind not in message_types:
        # Part 4, 4.1.3 and 4.4: the payload of an unknown type is ignored.
        raise RpcError(Code.MESSAGE_TYPE_NOT_SUPPORTED, "the message type number is not supported", answer_id)
    if kind == CALL:
        raise RpcError(code, problem, answer_id)
    if kind == SEND:
        raise BrokenSend(RpcError(code, problem, answer_id))
    raise BrokenAnswer(message_id, RpcError(code, problem, answer_id))


def depth_exceeds(value: Any, limit: int) -> bool:
    """Return whether arrays and objects are nested deeper than the limit."""
    level = [value]
    for _ in range(limit + 1):
        level = [each for each in level if type(each) is dict or type(each) is list]
        if not level:
            return False
        level = [inner for each in level for inner in (each.values() if type(each) is dict else each)]
    return True


def _without_nul(value: Any) -> Any:
    if type(value) is str:
        return value.replace("\0", _REPLACEMENT) if "\0" in value else value
    if type(value) is list:
        return [_without_nul(each) for each in value]
    if type(value) is dict:
        return {_without_nul(key): _without_nul(each) for key, each in value.items()}
    return value


def elements_of(frame: Frame) -> list[Any]:
    """Return a frame as the JSON array of its elements."""
    match frame:
        case Call():
            return [CALL, frame.message_id, frame.action, frame.payload]
        case CallResult():
            return [CALLRESULT, frame.message_id, frame.payload]
        case Send():
            return [SEND, frame.message_id, frame.action, frame.payload]
        case CallError():
            return [CALLERROR, frame.message_id, frame.code, frame.description, frame.details]
        case CallResultError():
            return [CALLRESULTERROR, frame.message_id, frame.code, frame.description, frame.details]


def encode_call(message_id: str, action: str, payload: Mapping[str, Any]) -> bytes:
    """Return a CALL."""
    return orjson.dumps((CALL, message_id, action, payload))


def encode_result(message_id: str | int, payload: Mapping[str, Any]) -> bytes:
    """Return a CALLRESULT."""
    return orjson.dumps((CALLRESULT, message_id, payload))


def encode_error(message_id: str | int, code: str, description: str, details: Mapping[str, Any] | None = None) -> bytes:
    """Return a CALLERROR."""
    return orjson.dumps((CALLERROR, message_id, code, clip(description), details or {}))


def encode_result_error(message_id: str, code: str, description: str) -> bytes:
    """Return a CALLRESULTERROR (OCPP 2.1)."""
    return orjson.dumps((CALLRESULTERROR, message_id, code, clip(description), {}))
