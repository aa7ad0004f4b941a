"""OCPP-J without input and output: frames, RPC errors and the official schemas (OCPP-J 1.6; part 4 of OCPP 2.x)."""

from citrine_edge.ocppj.errors import BrokenAnswer, BrokenSend, Code, OcppjError, RpcError
from citrine_edge.ocppj.frames import (
    CALL,
    CALLERROR,
    CALLRESULT,
    CALLRESULTERROR,
    SEND,
    UNREADABLE_ID,
    Call,
    CallError,
    CallResult,
    CallResultError,
    Frame,
    Send,
    elements_of,
    encode_call,
    encode_error,
    encode_result,
    encode_result_error,
    parse,
)
from citrine_edge.ocppj.remedies import Tolerance
from citrine_edge.ocppj.schemas import Schema, Schemas
from citrine_edge.ocppj.tolerating import Rule, Use

__all__ = [
    "CALL",
    "CALLERROR",
    "CALLRESULT",
    "CALLRESULTERROR",
    "SEND",
    "UNREADABLE_ID",
    "BrokenAnswer",
    "BrokenSend",
    "Call",
    "CallError",
    "CallResult",
    "CallResultError",
    "Code",
    "Frame",
    "OcppjError",
    "RpcError",
    "Rule",
    "Schema",
    "Schemas",
    "Send",
    "Tolerance",
    "Use",
    "elements_of",
    "encode_call",
    "encode_error",
    "encode_result",
    "encode_result_error",
    "parse",
]
