"""Checks of single fields that several services share; each error names the field."""

import re
from collections.abc import Sized
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.common_pb2 import TimeRange
from citrine_core.db import Span
from citrine_core.errors import InvalidArgument
from citrine_core.times import set_time

__all__ = [
    "changed_span",
    "check_count",
    "check_length",
    "check_pattern",
    "check_printable",
    "required",
    "span_of",
    "time_or_none",
    "to_duration",
    "to_timestamp",
]


def required(field: str, value: str) -> str:
    """Return a text that must not be empty.

    Raises:
        InvalidArgument: When it is.
    """
    if not value:
        raise InvalidArgument(field, "must not be empty")
    return value


def check_count(field: str, values: Sized, most: int) -> None:
    """Refuse more values than there may be.

    Raises:
        InvalidArgument: When there are more.
    """
    if len(values) > most:
        raise InvalidArgument(field, f"must have at most {most} values")


def check_length(field: str, value: str, most: int, least: int = 0) -> None:
    """Refuse a text of more or fewer characters.

    Raises:
        InvalidArgument: When it is too long or too short.
    """
    if least and not value:
        raise InvalidArgument(field, "must not be empty")
    if not least <= len(value) <= most:
        wanted = f"{least} to {most}" if least else f"at most {most}"
        raise InvalidArgument(field, f"must have {wanted} characters, not {len(value)}")


def check_pattern(field: str, value: str, pattern: re.Pattern[str], wanted: str) -> None:
    """Refuse a text that does not match a pattern as a whole.

    Args:
        field: Path of the field in the request.
        value: The text.
        pattern: The pattern that it must match.
        wanted: The pattern in words, to follow "must be ".

    Raises:
        InvalidArgument: When it does not match.
    """
    if not pattern.fullmatch(value):
        raise InvalidArgument(field, f"must be {wanted}" if value else f"must not be empty; it is {wanted}")


def check_printable(field: str, value: str) -> None:
    """Refuse a text with control characters.

    Raises:
        InvalidArgument: When it has one.
    """
    if not value.isprintable():
        raise InvalidArgument(field, "must have printable characters only")


def time_or_none(time: Timestamp, *, is_set: bool) -> datetime | None:
    """Return a time of a request in UTC, or None if it is not set."""
    return time.ToDatetime(UTC) if is_set else None


def span_of(times: TimeRange) -> Span:
    """Return the span of time that a request asks for."""
    return Span(
        time_or_none(times.start, is_set=times.HasField("start")), time_or_none(times.end, is_set=times.HasField("end"))
    )


class _ByChange(Protocol):
    """A request of a list that may be asked for by the time of the last change."""

    @property
    def update_time(self) -> TimeRange: ...

    def HasField(self, field_name: Literal["update_time"], /) -> bool: ...


def changed_span(request: _ByChange) -> Span | None:
    """Return the time of the changes that a list is asked for; None: it is not asked for by change."""
    return span_of(request.update_time) if request.HasField("update_time") else None


def to_timestamp(time: datetime | None) -> Timestamp | None:
    """Return a time as protobuf Timestamp; None stays None, which leaves the field unset."""
    if time is None:
        return None
    result = Timestamp()
    set_time(result, time)
    return result


def to_duration(span: timedelta | None) -> Duration | None:
    """Return a span of time as protobuf Duration; None stays None, which leaves the field unset."""
    if span is None:
        return None
    result = Duration()
    result.FromTimedelta(span)
    return result
