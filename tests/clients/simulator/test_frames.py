import json
from typing import Any

import pytest

from citrine_simulator import frames


@pytest.mark.parametrize(
    ("text", "version", "frame"),
    [
        pytest.param(
            '[2,"a","Reset",{"type":"OnIdle"}]', "2.0.1", frames.Call("a", "Reset", {"type": "OnIdle"}), id="call"
        ),
        pytest.param('[3,"a",{}]', "2.0.1", frames.CallResult("a", {}), id="result"),
        pytest.param('[4,"a","X","d",{}]', "2.0.1", frames.CallError("a", "X", "d", {}), id="error"),
        pytest.param('[5,"a","X","d",{}]', "2.1", frames.CallResultError("a", "X", "d"), id="result error"),
    ],
)
def test_frames_are_read(text: str, version: str, frame: frames.Frame) -> None:
    assert frames.decode(text, version) == frame


@pytest.mark.parametrize(
    ("text", "version", "message_id", "code"),
    [
        pytest.param("{", "2.0.1", "-1", "RpcFrameworkError", id="not JSON"),
        pytest.param("{}", "2.0.1", "-1", "RpcFrameworkError", id="not an array"),
        pytest.param("[]", "2.0.1", "-1", "RpcFrameworkError", id="empty"),
        pytest.param('[2,7,"Reset",{}]', "2.0.1", "-1", "RpcFrameworkError", id="id is a number"),
        pytest.param(f'[2,"{"a" * 37}","Reset",{{}}]', "2.0.1", "-1", "RpcFrameworkError", id="id is too long"),
        pytest.param('[2,"a","Reset"]', "2.0.1", "a", "ProtocolError", id="no payload"),
        pytest.param('[2,"a","Reset",[]]', "2.0.1", "a", "ProtocolError", id="payload is a list"),
        pytest.param('[2,"a",3,{}]', "2.0.1", "a", "ProtocolError", id="action is a number"),
        pytest.param('[9,"a",{}]', "2.0.1", "a", "MessageTypeNotSupported", id="unknown type"),
    ],
)
def test_malformed_frames_name_the_error_they_deserve(text: str, version: str, message_id: str, code: str) -> None:
    frame = frames.decode(text, version)

    assert isinstance(frame, frames.Malformed)
    assert (frame.message_id, frame.code) == (message_id, code)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param('[3,"a"]', "2.0.1", id="result without payload"),
        pytest.param("[4]", "2.0.1", id="error without anything"),
        pytest.param('[9,"a",{}]', "2.1", id="unknown type in 2.1"),
        pytest.param('[6,"a","X",{}]', "2.1", id="send"),
        pytest.param('[5,"a"]', "2.1", id="broken result error"),
    ],
)
def test_frames_that_may_not_be_answered_are_dropped(text: str, version: str) -> None:
    assert isinstance(frames.decode(text, version), frames.Ignored)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(frames.encode_call("a", "Heartbeat", {}), [2, "a", "Heartbeat", {}], id="call"),
        pytest.param(frames.encode_result("a", {"b": 1}), [3, "a", {"b": 1}], id="result"),
        pytest.param(frames.encode_error("a", "X", "d" * 300), [4, "a", "X", "d" * 255, {}], id="error"),
        pytest.param(frames.encode_result_error("a", "X", "d"), [5, "a", "X", "d", {}], id="result error"),
    ],
)
def test_frames_are_written(text: str, expected: list[Any]) -> None:
    assert json.loads(text) == expected
