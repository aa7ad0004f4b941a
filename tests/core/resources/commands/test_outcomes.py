"""Tests of how commands end: every reason of the edge has its state and its error."""

import grpc
import pytest

from citrine.edge.v1.link_pb2 import CallError, CommandFailure
from citrine_core.dispatch import CommandEnd
from citrine_core.errors import InvalidArgument
from citrine_core.resources.commands.outcomes import (
    ABANDONED,
    CANCELLED,
    EXPIRED,
    FINAL,
    NOT_CONNECTED,
    Ending,
    ending_of,
    error_of,
)


@pytest.mark.parametrize("reason", CommandFailure.Reason.values())
def test_every_reason_ends_a_command_with_an_error(reason: "CommandFailure.Reason.ValueType") -> None:
    failure = CommandFailure(reason=reason)

    ending = ending_of(failure)

    assert ending.state in FINAL
    assert ending.code
    assert str(error_of(failure, "request"))


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        pytest.param(CommandFailure.REASON_UNSPECIFIED, CommandEnd.UNCERTAIN, id="no reason"),
        pytest.param(CommandFailure.REASON_GONE, CommandEnd.UNREACHED, id="not connected"),
        pytest.param(CommandFailure.REASON_LOST, CommandEnd.UNCERTAIN, id="the connection broke"),
        pytest.param(CommandFailure.REASON_TIMEOUT, CommandEnd.UNCERTAIN, id="no answer"),
        pytest.param(CommandFailure.REASON_EXPIRED, CommandEnd.UNREACHED, id="not its turn in time"),
        pytest.param(CommandFailure.REASON_CALL_ERROR, CommandEnd.REFUSED, id="CALLERROR"),
        pytest.param(CommandFailure.REASON_BAD_ANSWER, CommandEnd.UNREADABLE, id="an answer that breaks the schema"),
        pytest.param(CommandFailure.REASON_UNSUPPORTED, CommandEnd.UNSENDABLE, id="not in its OCPP version"),
        pytest.param(CommandFailure.REASON_INVALID, CommandEnd.UNSENDABLE, id="a payload that breaks the schema"),
        pytest.param(CommandFailure.REASON_CANCELLED, CommandEnd.WITHDRAWN, id="cancelled"),
    ],
)
def test_every_reason_says_what_the_station_may_have_done(
    reason: "CommandFailure.Reason.ValueType", end: CommandEnd
) -> None:
    assert ending_of(CommandFailure(reason=reason)).end is end


@pytest.mark.parametrize(
    ("ending", "end"),
    [
        pytest.param(NOT_CONNECTED, CommandEnd.UNREACHED, id="off at once"),
        pytest.param(EXPIRED, CommandEnd.UNREACHED, id="did not come back"),
        pytest.param(CANCELLED, CommandEnd.WITHDRAWN, id="cancelled while it waited"),
        pytest.param(ABANDONED, CommandEnd.UNCERTAIN, id="its core is gone"),
    ],
)
def test_ends_that_the_core_finds_out_say_so_too(ending: Ending, end: CommandEnd) -> None:
    assert ending.end is end


@pytest.mark.parametrize(
    ("description", "field", "problem"),
    [
        pytest.param("/evse/id: must be positive", "request.evse.id", "must be positive", id="a path"),
        pytest.param("/: is missing", "request", "is missing", id="the payload itself"),
        pytest.param("not good", "request", "not good", id="no path"),
    ],
)
def test_the_path_of_a_defect_becomes_the_field(description: str, field: str, problem: str) -> None:
    failure = CommandFailure(
        reason=CommandFailure.REASON_INVALID, error=CallError(code="TypeConstraintViolation", description=description)
    )

    error = error_of(failure, "request")

    assert isinstance(error, InvalidArgument)
    assert (error.field, error.problem) == (field, problem)


def test_a_command_for_which_there_is_no_place_is_no_timeout() -> None:
    too_many = CallError(code="GenericError", description="too many commands wait for this station")
    refused = CommandFailure(reason=CommandFailure.REASON_EXPIRED, error=too_many)

    assert error_of(refused, "request").status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert ending_of(refused).end is CommandEnd.UNREACHED
    waited = CommandFailure(reason=CommandFailure.REASON_EXPIRED)
    assert error_of(waited, "request").status is grpc.StatusCode.DEADLINE_EXCEEDED
