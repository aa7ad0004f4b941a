"""Times and durations in words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.reservation_pb2 import Reservation
from citrine.api.v1.stations_pb2 import Station
from citrine_words.cells import Moment
from citrine_words.times import duration_words, local_words, relative_words
from citrine_words.words import instant_word, time_word

NOW = datetime(2026, 11, 29, 7, 15, 2, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "2026-11-29 08:15:02 CET"),
        ("UTC", "2026-11-29 07:15:02 UTC"),
        ("Asia/Kolkata", "2026-11-29 12:45:02 IST"),
        ("America/Sao_Paulo", "2026-11-29 04:15:02 -03"),
    ],
)
def test_a_time_is_local_and_says_its_zone(zone: str, text: str) -> None:
    assert local_words(NOW, ZoneInfo(zone)) == text


def test_a_time_says_which_of_two_hours_it_was() -> None:
    zone = ZoneInfo("Europe/Berlin")

    assert local_words(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), zone) == "2026-10-25 02:30:00 CEST"
    assert local_words(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), zone) == "2026-10-25 02:30:00 CET"


@pytest.mark.parametrize("time", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_ends_of_all_times_can_be_said(time: datetime, zone: str) -> None:
    assert local_words(time, ZoneInfo(zone)).startswith(f"{time.year:04}")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (-1.4, "now"),
        (-2, "2 s ago"),
        (-59, "59 s ago"),
        (-60, "1 min ago"),
        (-3599, "59 min ago"),
        (-3600, "1 h ago"),
        (-47 * 3600, "47 h ago"),
        (-48 * 3600, "2 d ago"),
        (-400 * 86400, "400 d ago"),
        (-800 * 86400, "2 y ago"),
        (7200, "in 2 h"),
        (90, "in 1 min"),
    ],
)
def test_a_time_is_seen_from_now(seconds: float, text: str) -> None:
    assert relative_words(NOW + timedelta(seconds=seconds), NOW) == text


def test_what_has_been_is_not_said_to_come_where_a_clock_is_wrong() -> None:
    ahead = Timestamp(seconds=int(NOW.timestamp()) + 180)

    seen = time_word(Station(last_seen_time=ahead), "last_seen_time", clock)
    expiry = Reservation()
    expiry.request.expiry_date_time.CopyFrom(ahead)
    until = time_word(expiry.request, "expiry_date_time", clock)

    assert isinstance(seen, Moment)
    assert isinstance(until, Moment)
    assert seen.shown == "3 min in the future"
    assert until.shown == "in 3 min"


def test_one_of_a_row_of_times_is_itself_and_without_room_that_of_today() -> None:
    today = instant_word(Station(last_seen_time=Timestamp(seconds=int(NOW.timestamp()))), "last_seen_time", clock)
    before = instant_word(Station(last_seen_time=Timestamp(seconds=1738324800)), "last_seen_time", clock)

    assert isinstance(today, Moment)
    assert isinstance(before, Moment)
    assert (today.shown, today.brief) == ("2026-11-29 07:15:02 UTC", "07:15:02 UTC")
    assert (before.shown, before.brief) == ("2025-01-31 12:00:00 UTC", "2025-01-31 12:00:00 UTC")
    assert instant_word(Station(), "last_seen_time") == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (120, "2 min"),
        (3723, "1 h 2 min 3 s"),
        (93_784, "1 d 2 h 3 min 4 s"),
        (-7200, "-2 h"),
    ],
)
def test_a_duration_is_said_by_its_parts(seconds: float, text: str) -> None:
    assert duration_words(timedelta(seconds=seconds)) == text
