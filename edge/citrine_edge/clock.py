"""The wall clock, the only place that reads it."""

import time
from collections.abc import Callable

from google.protobuf.timestamp_pb2 import Timestamp

__all__ = ["Clock", "timestamp"]

Clock = Callable[[], int]
"""Returns the time now in nanoseconds since 1970, as :func:`time.time_ns`."""


def timestamp(clock: Clock = time.time_ns) -> Timestamp:
    """Return the time now."""
    seconds, nanos = divmod(clock(), 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=nanos)
