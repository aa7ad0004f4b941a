"""Tests of how commands end: every reason of the edge has its state and its error."""

import pytest

from citrine.edge.v1.link_pb2 import CallError, CommandFailure
from citrine_core.errors import InvalidArgument
from citrine_core.resources.commands.outcomes import FINAL, ending_of, error_of


@pytest.mark.parametrize("reason", CommandFailure.Reason.values())
def test_every_reason_ends_a_command_with_an_error(reason: "CommandFailure.Reason.ValueType") -> None:
    failure = CommandFailure(reason=reason)

    ending = ending_of(failure)

    assert ending.state in FINAL
    assert ending.code
    assert str(error_of(failure, "request"))


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
