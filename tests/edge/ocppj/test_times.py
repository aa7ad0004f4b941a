import pytest

from citrine_edge.ocppj.times import readable_time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-01-31T12:00:00", "2025-01-31T12:00:00Z"),
        ("2025-01-31 12:00:00", "2025-01-31T12:00:00Z"),
        (" 2025-01-31T12:00Z ", "2025-01-31T12:00:00Z"),
        ("2025-01-31T12:00:00,250Z", "2025-01-31T12:00:00.250Z"),
        ("2025-01-31T12:00:00+0300", "2025-01-31T12:00:00+03:00"),
        ("2025-04-25T15:38:39+03", "2025-04-25T15:38:39+03:00"),
        ("2025-01-31T12:00:00 +03:00", "2025-01-31T12:00:00+03:00"),
        ("2025-01-31T12:00:00Z+01:00", "2025-01-31T12:00:00+01:00"),
        ("2025-01-31T12:00:00+00:00Z", "2025-01-31T12:00:00+00:00"),
        ("2025-01-31T12:00:00+25:00", "2025-01-31T12:00:00Z"),
        ("2025-01-31T12:00:00-01:75", "2025-01-31T12:00:00Z"),
    ],
)
def test_a_time_in_another_form_is_read_as_what_it_can_only_mean(text: str, time: str) -> None:
    assert readable_time(text) == time


@pytest.mark.parametrize(
    "text",
    ["", "0", "now", "2025-01-31", "31.01.2025 12:00", "2025-02-30T12:00:00Z", "2025-01-31T25:00:00Z", "1738324800"],
)
def test_a_date_or_time_of_day_is_never_guessed(text: str) -> None:
    assert readable_time(text) is None
