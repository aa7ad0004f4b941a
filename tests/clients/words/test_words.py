"""Words for what messages hold."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.stations_pb2 import Station
from citrine_words.words import plain, time_word


@pytest.mark.parametrize(
    ("stamp", "word"),
    [
        (Timestamp(seconds=-62135596800), "0001-01-01 00:00:00 UTC"),
        (Timestamp(seconds=1738324800, nanos=999_999_999), "2025-01-31 12:00:00 UTC"),
        (Timestamp(seconds=253402300799), "9999-12-31 23:59:59 UTC"),
        (Timestamp(seconds=253402300800), "?"),
        (None, ""),
    ],
)
def test_a_time_has_four_digits_for_its_year(stamp: Timestamp | None, word: str) -> None:
    assert time_word(Station(create_time=stamp), "create_time") == word


@pytest.mark.parametrize(
    ("value", "word"),
    [(1929084652, "1929084652"), (1234567.89, "1234567.89"), (2_000_000.0, "2000000"), (1e-7, "0.0000001"), (0.0, "0")],
)
def test_a_number_has_all_its_digits(value: float, word: str) -> None:
    assert plain(value) == word
