"""Times, seconds and JSON objects as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citrine_words.errors import WrongText
from citrine_words.values import parse_duration, parse_object, parse_seconds, parse_span, parse_time

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2030-02-01T00:00:00Z", datetime(2030, 2, 1, tzinfo=UTC)),
        ("2030-02-01T01:00:00+01:00", datetime(2030, 2, 1, tzinfo=UTC)),
        ("+2h", datetime(2030, 1, 31, 14, tzinfo=UTC)),
        ("+1d12h", datetime(2030, 2, 2, tzinfo=UTC)),
        ("+90s", datetime(2030, 1, 31, 12, 1, 30, tzinfo=UTC)),
        ("-1d12h", datetime(2030, 1, 30, tzinfo=UTC)),
        ("2h", datetime(2030, 1, 31, 14, tzinfo=UTC)),
        ("now", NOW),
    ],
)
def test_times_are_iso_8601_or_from_now_on(text: str, expected: datetime) -> None:
    assert parse_time("--expires", text, clock=lambda: NOW).ToDatetime(UTC) == expected


def test_a_span_without_a_sign_goes_back_where_it_is_listed_what_happened() -> None:
    assert parse_time("--since", "2h", clock=lambda: NOW, past=True).ToDatetime(UTC) == NOW - timedelta(hours=2)
    assert parse_time("--since", "+2h", clock=lambda: NOW, past=True).ToDatetime(UTC) == NOW + timedelta(hours=2)


def test_an_end_before_the_start_is_an_error_by_name() -> None:
    first, last = parse_span("--from", "-2h", "--to", "-1h", clock=lambda: NOW)
    assert first is not None
    assert last is not None
    assert parse_span("--from", "", "--to", None) == (None, None)
    assert parse_span("--from", "now", "--to", "now", clock=lambda: NOW)[0] is not None
    with pytest.raises(WrongText, match="--to: -2h is before --from -1h"):
        parse_span("--from", "-1h", "--to", "-2h", clock=lambda: NOW)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "+", "-", "+2", "2", "- 2h", "+99999999999999w", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WrongText, match=r"--expires: .* is not a time"):
        parse_time("--expires", text, clock=lambda: NOW)


@given(st.text())
def test_any_text_is_a_time_or_is_refused(text: str) -> None:
    try:
        parse_time("--expires", text, clock=lambda: NOW)
    except WrongText:
        return


@pytest.mark.parametrize("seconds", [0.0, -1.0, 600.1, float("nan"), float("inf")])
def test_seconds_out_of_bounds_are_refused(seconds: float) -> None:
    with pytest.raises(WrongText, match="at most 600 seconds"):
        parse_seconds("--timeout", seconds, 600)


def test_seconds_become_a_duration() -> None:
    assert parse_seconds("--timeout", 1.5, 600).ToMilliseconds() == 1500


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ("[]", "not a JSON object"), ('{"a": NaN}', "NaN is not JSON"), ("[" * 100_000, "not JSON")],
    ids=["cut", "array", "NaN", "deep"],
)
def test_what_is_no_object_is_refused(text: str, said: str) -> None:
    with pytest.raises(WrongText, match=said):
        parse_object(text)


@given(st.text())
def test_any_text_is_an_object_or_is_refused(text: str) -> None:
    try:
        assert isinstance(parse_object(text), dict)
    except WrongText:
        return


def test_a_span_of_time_is_a_duration() -> None:
    assert parse_duration("--grace", "1d12h").seconds == 129_600
    assert parse_duration("--grace", "0").seconds == 0


@pytest.mark.parametrize("text", ["", "soon", "+1h", "-1h", "-5", "1e3", "nan", "1h ", "1y", "9" * 30 + "w"])
def test_what_is_no_span_of_time_is_refused(text: str) -> None:
    with pytest.raises(WrongText, match="--grace"):
        parse_duration("--grace", text)
