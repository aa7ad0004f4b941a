"""The wall clock."""

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "utc_now"]

Clock = Callable[[], datetime]
"""Returns the time now, in UTC."""


def utc_now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)
