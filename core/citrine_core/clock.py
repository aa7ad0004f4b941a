"""The wall clock, the only place that reads it."""

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "utc_now"]

Clock = Callable[[], datetime]
"""Returns the time now, with its zone, in UTC."""


def utc_now() -> datetime:
    """Return the time now in UTC."""
    return datetime.now(UTC)
