"""Ranges of times of requests."""

from citrine.api.v1.common_pb2 import TimeRange
from citrine_core.resources.locations.repository import Span
from citrine_core.rpc import time_or_none

__all__ = ["span_of"]


def span_of(given: TimeRange) -> Span:
    """Return begin and end of a range."""
    return (
        time_or_none(given.start, is_set=given.HasField("start")),
        time_or_none(given.end, is_set=given.HasField("end")),
    )
