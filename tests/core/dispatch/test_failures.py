"""Tests of what the end of a command means."""

from datetime import UTC, datetime

import pytest

from citrine.api.v1.common_pb2 import COMMAND_STATE_FAILED
from citrine.ocpp.v2.provisioning_pb2 import ResetRequest
from citrine_core.dispatch import CommandEnd, Failed

PROPERTIES = ("never_sent", "unreached", "withdrawn", "may_have_arrived", "refused", "for_good")


def failed(end: CommandEnd, code: str = "", text: str = "") -> Failed[ResetRequest]:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    return Failed("default", "CS-1", "C-1", ResetRequest(), COMMAND_STATE_FAILED, code, text, time, end)


@pytest.mark.parametrize(
    ("end", "code", "true"),
    [
        pytest.param(CommandEnd.UNREACHED, "NotConnected", {"never_sent", "unreached"}, id="off"),
        pytest.param(CommandEnd.UNREACHED, "Expired", {"never_sent", "unreached"}, id="busy for too long"),
        pytest.param(CommandEnd.WITHDRAWN, "Cancelled", {"never_sent", "withdrawn"}, id="cancelled"),
        pytest.param(CommandEnd.UNSENDABLE, "NotSupported", {"never_sent", "for_good"}, id="not in its version"),
        pytest.param(CommandEnd.UNSENDABLE, "FormatViolation", {"never_sent", "for_good"}, id="breaks the schema"),
        pytest.param(CommandEnd.UNCERTAIN, "ConnectionLost", {"may_have_arrived"}, id="lost"),
        pytest.param(CommandEnd.UNCERTAIN, "Timeout", {"may_have_arrived"}, id="not answered"),
        pytest.param(CommandEnd.UNREADABLE, "FormatViolation", {"may_have_arrived"}, id="a broken answer"),
        pytest.param(CommandEnd.UNREADABLE, "NotSupported", {"may_have_arrived"}, id="a broken answer of any code"),
        pytest.param(CommandEnd.REFUSED, "InternalError", {"refused"}, id="CALLERROR"),
        pytest.param(CommandEnd.REFUSED, "NotConnected", {"refused"}, id="CALLERROR with a code of ours"),
        pytest.param(CommandEnd.REFUSED, "NotSupported", {"refused", "for_good"}, id="CALLERROR for good"),
        pytest.param(CommandEnd.REFUSED, "NotImplemented", {"refused", "for_good"}, id="CALLERROR, unknown action"),
    ],
)
def test_each_end_means_one_thing(end: CommandEnd, code: str, true: set[str]) -> None:
    assert {name for name in PROPERTIES if getattr(failed(end, code), name)} == true


@pytest.mark.parametrize("end", CommandEnd)
def test_a_command_was_never_sent_or_refused_or_may_have_arrived(end: CommandEnd) -> None:
    one = failed(end)

    assert [one.never_sent, one.refused, one.may_have_arrived].count(True) == 1


def test_the_problem_is_one_line_for_people() -> None:
    assert failed(CommandEnd.REFUSED, "InternalError", "no").problem == "InternalError: no"
    assert failed(CommandEnd.UNCERTAIN, "Timeout").problem == "Timeout"
