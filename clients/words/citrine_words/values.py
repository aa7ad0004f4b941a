"""Values as people write them on a command line: times, seconds, JSON objects."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from citrine_words.clock import Clock, utc_now
from citrine_words.durations import duration_seconds
from citrine_words.errors import WrongText
from citrine_words.forms import FORMS
from citrine_words.words import plain

__all__ = ["parse_duration", "parse_object", "parse_seconds", "parse_span", "parse_time"]

_RELATIVE = re.compile(r"([+-]?)((?:\d+[smhdw])+)")
_PART = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_time(option: str, text: str, clock: Clock = utc_now, *, past: bool = False) -> Timestamp:
    """Return the time of a text: ISO 8601, in local time without an offset, or relative to now as "-1d12h".

    Args:
        option: The option, for the error.
        text: Its value.
        clock: Returns the current time.
        past: Whether a span without a sign is in the past, as in lists of past events.

    Raises:
        WrongText: When the text is not a time.
    """
    relative = _RELATIVE.fullmatch(text)
    try:
        if text == "now":
            found = clock()
        elif relative:
            sign, span = relative.groups()
            found = clock() + _span(span) * (-1 if sign == "-" or (past and not sign) else 1)
        else:
            found = datetime.fromisoformat(text).astimezone(UTC)
        stamp = Timestamp()
        stamp.FromDatetime(found.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        spans = '"2h" for two hours ago' if past else '"+2h" or "-1d"'
        raise WrongText(
            f'{option}: {text!r} is not a time: expected "2030-01-31T12:00:00Z", "2030-01-31 12:00" for local time, '
            f'"now", {spans}'
        ) from error
    return stamp


def parse_span(
    start_option: str,
    start: str | None,
    end_option: str,
    end: str | None,
    clock: Clock = utc_now,
    *,
    past: bool = False,
) -> tuple[Timestamp | None, Timestamp | None]:
    """Return start and end of a time span, parsed by `parse_time`; None for one that is not given.

    Raises:
        WrongText: When one is not a time, or the end is before the start.
    """
    first = parse_time(start_option, start, clock, past=past) if start else None
    last = parse_time(end_option, end, clock, past=past) if end else None
    if first is not None and last is not None and last.ToNanoseconds() < first.ToNanoseconds():
        raise WrongText(f"{end_option}: {end} is before {start_option} {start}")
    return first, last


def parse_duration(option: str, text: str) -> Duration:
    """Return the duration of a text: "1d12h", "90m", or a number of seconds.

    Raises:
        WrongText: When the text is not a duration.
    """
    duration = Duration()
    try:
        span = timedelta(seconds=duration_seconds(text))
        if span < timedelta():
            raise ValueError(text)
        duration.FromTimedelta(span)
    except (ValueError, OverflowError) as error:
        raise WrongText(f"{option}: {text!r} is not a duration: expected {FORMS['DURATION'][:-1]}") from error
    return duration


def parse_seconds(option: str, seconds: float, most: float) -> Duration:
    """Return seconds as a duration.

    Raises:
        WrongText: When they are not above 0 and at most `most`.
    """
    if not math.isfinite(seconds) or not 0 < seconds <= most:
        raise WrongText(f"{option}: expected more than 0 and at most {plain(most)} seconds")
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_object(text: str, what: str = "the payload") -> dict[str, Any]:
    """Return the JSON object of a text.

    Args:
        text: The text.
        what: What it is, for the error.

    Raises:
        WrongText: When the text is not a JSON object.
    """
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WrongText(f"{what} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise WrongText(f"{what} is not a JSON object")
    return found


def _span(text: str) -> timedelta:
    parts = (timedelta(**{_UNITS[unit]: int(number)}) for number, unit in _PART.findall(text))
    return sum(parts, timedelta())
