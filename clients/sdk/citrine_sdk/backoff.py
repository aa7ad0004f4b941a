"""Waiting times between attempts, and the statuses after which another attempt may succeed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import grpc

__all__ = ["RETRIED", "Backoff"]

RETRIED = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Codes after which another attempt to read may succeed. The others are about the request, the key or the token."""


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with jitter: the wait is a random part of a limit that doubles with each failure."""

    first: float = 0.25
    """Limit of the first wait, in seconds."""
    longest: float = 10.0
    """Highest limit, in seconds."""
    random: Callable[[], float] = field(default=random.random)
    """Returns random numbers from 0 to 1."""
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
    """Waits the given seconds."""

    def seconds(self, failures: int) -> float:
        """Return the seconds to wait after a number of failures in a row, which is at least 1."""
        limit = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        # At least half of the limit, so that a core that refuses immediately is not called in a tight loop.
        return limit * (0.5 + self.random() / 2)
