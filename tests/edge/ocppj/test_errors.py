"""RPC errors."""

import pytest

import citrine_edge.ocppj.errors as errors
from citrine_edge.ocppj import BrokenAnswer, BrokenSend, Code, OcppjError, RpcError


def test_docstring_draws_the_hierarchy() -> None:
    assert errors.__doc__ is not None
    for each in (RpcError, BrokenAnswer, BrokenSend):
        assert each.__name__ in errors.__doc__
        assert issubclass(each, OcppjError)


def test_codes_are_those_of_part_4() -> None:
    """Part 4, 4.3: table 8 of 2.0.1, table 9 of 2.1."""
    assert {str(code) for code in Code} == {
        "FormatViolation",
        "GenericError",
        "InternalError",
        "MessageTypeNotSupported",
        "NotImplemented",
        "NotSupported",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "ProtocolError",
        "RpcFrameworkError",
        "SecurityError",
        "TypeConstraintViolation",
    }


def test_errors_say_what_is_wrong() -> None:
    error = RpcError(Code.FORMAT_VIOLATION, "no")

    assert str(error) == str(BrokenAnswer("a", error)) == str(BrokenSend(error)) == "FormatViolation: no"


@pytest.mark.parametrize(
    ("text", "clipped"),
    [("abc", "abc"), ("abcd", "ab…"), ("a\0b", "a\ufffdb"), ("\ud800", "?")],
)
def test_text_is_clipped(text: str, clipped: str) -> None:
    assert errors.clip(text, 3) == clipped
