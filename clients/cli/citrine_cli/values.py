"""Values as people write them on a command line: times, seconds, JSON objects."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from citrine_cli.clock import Clock, utc_now
from citrine_cli.durations import duration_seconds
from citrine_cli.errors import UsageError
from citrine_cli.forms import FORMS
from citrine_cli.words import plain

__all__ = ["parse_duration", "parse_object", "parse_seconds", "parse_time"]

_RELATIVE = re.compile(r"\+(?:\d+[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_time(option: str, text: str, clock: Clock = utc_now) -> Timestamp:
    """Return the time that a text says: ISO 8601, local time where it has no offset, or from now on as "+1d12h".

    Raises:
        UsageError: When it is neither.
    """
    try:
        found = clock() + _span(text) if _RELATIVE.fullmatch(text) else datetime.fromisoformat(text).astimezone(UTC)
        stamp = Timestamp()
        stamp.FromDatetime(found.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise UsageError(f'{option}: {text!r} is not a time: expected "2030-01-31T12:00:00Z" or "+2h"') from error
    return stamp


def parse_duration(option: str, text: str) -> Duration:
    """Return the duration that a text says: "1d12h", "90m", or as a number of seconds.

    Raises:
        UsageError: When it is none.
    """
    duration = Duration()
    try:
        span = timedelta(seconds=duration_seconds(text))
        if span < timedelta():
            raise ValueError(text)
        duration.FromTimedelta(span)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{option}: {text!r} is not a duration: expected {FORMS['DURATION'][:-1]}") from error
    return duration


def parse_seconds(option: str, seconds: float, most: float) -> Duration:
    """Return seconds as a duration.

    Raises:
        UsageError: When they are not more than 0 and at most the given number.
    """
    if not math.isfinite(seconds) or not 0 < seconds <= most:
        raise UsageError(f"{option}: expected more than 0 and at most {plain(most)} seconds")
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object that a text says.

    Raises:
        UsageError: When it is none.
    """
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the payload is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError("the payload is not a JSON object")
    return found


def _span(text: str) -> timedelta:
    parts = (timedelta(**{_UNITS[unit]: int(number)}) for number, unit in _PART.findall(text))
    return sum(parts, timedelta())
