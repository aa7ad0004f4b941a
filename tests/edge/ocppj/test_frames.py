"""OCPP-J frames by tables."""

import json
from typing import Any

import pytest

from citrine_edge.ocppj import (
    BrokenAnswer,
    BrokenSend,
    Call,
    CallError,
    CallResult,
    CallResultError,
    RpcError,
    Send,
    encode_call,
    encode_error,
    encode_result,
    encode_result_error,
    parse,
)
from citrine_edge.ocppj.frames import MAX_DEPTH, depth_exceeds

V201 = frozenset({2, 3, 4})
V21 = frozenset({2, 3, 4, 5, 6})


@pytest.mark.parametrize(
    ("raw", "frame"),
    [
        ('[2,"a","Heartbeat",{}]', Call("a", "Heartbeat", {})),
        (' [ 2 , "a" , "Heartbeat" , { } ] ', Call("a", "Heartbeat", {})),
        ('[2.0,"a","Heartbeat",{}]', Call("a", "Heartbeat", {})),
        ('[2,"a","Heartbeat",null]', Call("a", "Heartbeat", None)),
        ('[2,"","Heartbeat",{}]', Call("", "Heartbeat", {})),
        (f'[2,"{"ü" * 36}","x",{{}}]', Call("ü" * 36, "x", {})),
        ('[3,"a",{"b":1}]', CallResult("a", {"b": 1})),
        ('[3,"a",[]]', CallResult("a", [])),
        ('[4,"a","NotSupported","no",{"c":1}]', CallError("a", "NotSupported", "no", {"c": 1})),
        ('[4,"a","",null,null]', CallError("a", "GenericError", "", {})),
        ('[4,"a","FormationViolation","no",{}]', CallError("a", "FormatViolation", "no", {})),
        ('[4,"a","OccurenceConstraintViolation","",{}]', CallError("a", "OccurrenceConstraintViolation", "", {})),
        ('[4,"a"]', CallError("a", "GenericError", "", {})),
        ('[4,"a","X","Y",{},"more"]', CallError("a", "X", "Y", {})),
        ('[5,"a","FormatViolation","no",{}]', CallResultError("a", "FormatViolation", "no", {})),
        ('[6,"a","NotifyPeriodicEventStream",{}]', Send("a", "NotifyPeriodicEventStream", {})),
        ('[2,"a","DataTransfer",{"data":"\\u0000"}]', Call("a", "DataTransfer", {"data": "\ufffd"})),
        ('[2,"a","DataTransfer",{"\\u0000":["x\\u0000"]}]', Call("a", "DataTransfer", {"\ufffd": ["x\ufffd"]})),
        ('[2,"a","DataTransfer",{"data":"\\\\u0000"}]', Call("a", "DataTransfer", {"data": "\\u0000"})),
        ('[2,"a","x",99999999999999999999]', Call("a", "x", 1e20)),
    ],
)
def test_frame_is_read(raw: str, frame: object) -> None:
    assert parse(raw.encode(), V21) == frame


@pytest.mark.parametrize(
    ("raw", "message_id", "code"),
    [
        ("", "-1", "RpcFrameworkError"),
        ("null", "-1", "RpcFrameworkError"),
        ('"text"', "-1", "RpcFrameworkError"),
        ("[", "-1", "RpcFrameworkError"),
        ('[2,"a","x",{}] trailing', "-1", "RpcFrameworkError"),
        ('[2,"a","x",{"a":1e999}]', "-1", "RpcFrameworkError"),
        ('[2,"a","x",{"a":Infinity}]', "-1", "RpcFrameworkError"),
        ('[2,"a","x",{"a":"\\udc00"}]', "-1", "RpcFrameworkError"),
        ("[" * 5000 + "]" * 5000, "-1", "RpcFrameworkError"),
        ("[null]", "-1", "RpcFrameworkError"),
        ("[2]", "-1", "RpcFrameworkError"),
        ('[2,null,"x",{}]', "-1", "RpcFrameworkError"),
        ('[2,"\\u0000","x",{}]', "-1", "RpcFrameworkError"),
        (f'[2,"{"x" * 37}","x",{{}}]', "-1", "RpcFrameworkError"),
        ('[2,"a"]', "a", "RpcFrameworkError"),
        ('[2,"a","x",{},1]', "a", "RpcFrameworkError"),
        ('[2,"a",5,{}]', "a", "RpcFrameworkError"),
        ('[true,"a","x",{}]', "a", "RpcFrameworkError"),
        ('[[2],"a","x",{}]', "a", "RpcFrameworkError"),
        ('[0,"a"]', "a", "MessageTypeNotSupported"),
        ('[2.5,"a","x",{}]', "a", "MessageTypeNotSupported"),
        ("[99]", "-1", "MessageTypeNotSupported"),
        ('[5,"a","x","",{}]', "a", "MessageTypeNotSupported"),
        ('[6,"a","x",{}]', "a", "MessageTypeNotSupported"),
        (f'[2,"a","x",{"[" * MAX_DEPTH}{"]" * MAX_DEPTH}]', "a", "FormatViolation"),
        ('[2,"a","x",' + '{"a":' * 60 + "1" + "}" * 61 + "]", "-1", "RpcFrameworkError"),
        ('[2,"a","x",' + '{"a":' * 60 + "1" + "}" * 60 + "]", "a", "FormatViolation"),
    ],
)
def test_defect_has_a_code_and_the_id_that_can_be_read(raw: str, message_id: str, code: str) -> None:
    with pytest.raises(RpcError) as refused:
        parse(raw.encode(), V201)

    assert (refused.value.message_id, refused.value.code) == (message_id, code)
    assert 0 < len(refused.value.description) <= 255


def test_invalid_utf8_is_unreadable() -> None:
    with pytest.raises(RpcError, match="UTF-8"):
        parse(b'[2,"\xff","x",{}]', V21)


@pytest.mark.parametrize(
    ("raw", "message_id"),
    [
        ('[3,"a"]', "a"),
        ('[3,"a",{},{}]', "a"),
        ("[3]", None),
        ("[4,7]", None),
        ("[5]", None),
        (f'[3,"{"x" * 37}",{{}}]', None),
        ('[3,"a",' + "[" * 60 + "]" * 60 + "]", "a"),
    ],
)
def test_malformed_answer_is_not_answered(raw: str, message_id: str | None) -> None:
    with pytest.raises(BrokenAnswer) as broken:
        parse(raw.encode(), V21)

    assert broken.value.message_id == message_id


@pytest.mark.parametrize(
    "raw", ['[6,"a"]', "[6]", '[6,"a",{},{}]', '[6,"a","x",{},1]', '[6,"a","x",' + "[" * 60 + "]" * 61]
)
def test_malformed_send_is_not_answered(raw: str) -> None:
    with pytest.raises(BrokenSend):
        parse(raw.encode(), V21)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (encode_call("a", "Reset", {"type": "OnIdle"}), '[2,"a","Reset",{"type":"OnIdle"}]'),
        (encode_result("a", {}), '[3,"a",{}]'),
        (encode_error("a", "NotSupported", "no"), '[4,"a","NotSupported","no",{}]'),
        (encode_error("a", "NotSupported", "no", {"b": 1}), '[4,"a","NotSupported","no",{"b":1}]'),
        (encode_result_error("a", "FormatViolation", "no"), '[5,"a","FormatViolation","no",{}]'),
    ],
)
def test_frame_is_compact_json(frame: bytes, text: str) -> None:
    """Some stations compare raw text."""
    assert frame.decode() == text


def test_description_has_at_most_255_characters() -> None:
    frame = json.loads(encode_error("a", "GenericError", "x" * 300 + "\ud800"))

    assert len(frame[3]) == 255


@pytest.mark.parametrize(
    ("value", "limit", "exceeds"),
    [(1, 0, False), ([], 0, True), ([], 1, False), ([[]], 1, True), ({"a": [{}]}, 2, True), ({"a": [{}]}, 3, False)],
)
def test_depth(value: Any, limit: int, exceeds: bool) -> None:
    assert depth_exceeds(value, limit) is exceeds
