"""The wall clock."""

from citrine_edge.clock import timestamp


def test_time_has_its_nanoseconds() -> None:
    now = timestamp(lambda: 1_738_324_800_123_456_789)

    assert (now.seconds, now.nanos) == (1_738_324_800, 123_456_789)


def test_time_goes_on() -> None:
    assert timestamp().ToNanoseconds() <= timestamp().ToNanoseconds()
