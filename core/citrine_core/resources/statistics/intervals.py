"""The intervals of a series in a time zone, and the buckets of rollups that each of them is made of; pure."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from citrine.api.v1.statistics_pb2 import (
    SERIES_INTERVAL_DAY,
    SERIES_INTERVAL_HOUR,
    SERIES_INTERVAL_MONTH,
    SeriesInterval,
)
from citrine_core.resources.statistics.tally import DAY, QUARTER

__all__ = ["MOST_INTERVALS", "Part", "boundaries", "parts_of", "spread"]

MOST_INTERVALS = 10_000
"""Most intervals of a series."""

_QUARTER_OF_AN_HOUR = timedelta(minutes=15)
_ONE_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Part(NamedTuple):
    """Buckets of one grain that belong to an interval."""

    interval: int
    """Its number, from 0."""
    grain: int
    start: datetime
    end: datetime


def boundaries(start: datetime, end: datetime, interval: SeriesInterval.ValueType, zone: ZoneInfo) -> list[datetime]:
    """Return when intervals begin, the first one with the start, and last when the last one ends, which is not before
    the end. At most one more than `MOST_INTERVALS`.
    """
    if interval not in (SERIES_INTERVAL_HOUR, SERIES_INTERVAL_DAY, SERIES_INTERVAL_MONTH):
        return [_floor(start), max(_floor(end + _QUARTER_OF_AN_HOUR - timedelta(microseconds=1)), _next_quarter(start))]
    found = [_begin(start, interval, zone)]
    while (found[-1] < end or len(found) == 1) and len(found) <= MOST_INTERVALS + 1:
        found.append(_next(found[-1], interval, zone))
    return found


def parts_of(times: Sequence[datetime], first: int = 0) -> Iterator[Part]:
    """Yield what the intervals between some times are made of: days where they have whole ones, else quarters.

    Args:
        times: When they begin, and last when the last one ends.
        first: Number of the first interval.
    """
    for number, (start, end) in enumerate(pairwise(times), first):
        day, last = _floor(start + _ONE_DAY - timedelta(microseconds=1), _ONE_DAY), _floor(end, _ONE_DAY)
        if day < last:
            yield Part(number, DAY, day, last)
            pieces = [(start, day), (last, end)]
        else:
            pieces = [(start, end)]
        for begin, until in pieces:
            if begin < until:
                yield Part(number, QUARTER, begin, until)


def spread(
    times: Sequence[datetime], start: datetime, end: datetime, number: int = 1
) -> Iterator[tuple[int, timedelta]]:
    """Yield the intervals that a span touches, each with its part of it, times a number."""
    place = max(bisect_right(times, start) - 1, 0)
    while place < len(times) - 1 and times[place] < end:
        part = min(end, times[place + 1]) - max(start, times[place])
        if part > timedelta(0):
            yield place, part * number
        place += 1


def _begin(time: datetime, interval: int, zone: ZoneInfo) -> datetime:
    local = time.astimezone(zone)
    if interval == SERIES_INTERVAL_HOUR:
        # The second of two hours of one name, as where summer time ends, keeps its fold.
        return local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    day = 1 if interval == SERIES_INTERVAL_MONTH else local.day
    return _floor(datetime(local.year, local.month, day, tzinfo=zone).astimezone(UTC))


def _next(time: datetime, interval: int, zone: ZoneInfo) -> datetime:
    if interval == SERIES_INTERVAL_HOUR:
        return time + timedelta(hours=1)
    # Noon of the next day, or some day of the next month: no change of the clock moves it to another one.
    ahead = timedelta(hours=36) if interval == SERIES_INTERVAL_DAY else timedelta(days=32)
    return _begin(time + ahead, interval, zone)


def _next_quarter(time: datetime) -> datetime:
    return _floor(time) + _QUARTER_OF_AN_HOUR


def _floor(time: datetime, length: timedelta = _QUARTER_OF_AN_HOUR) -> datetime:
    return time - (time - _EPOCH) % length
