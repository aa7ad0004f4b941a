"""The wait of a station before it reconnects (part 4, Reconnecting). No I/O."""

import random
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Backoff", "BackoffLimits"]


@dataclass(frozen=True, slots=True)
class BackoffLimits:
    """The three OCPPCommCtrlr.RetryBackOff variables; the first two in seconds."""

    wait_minimum: float
    random_range: float
    repeat_times: int


class Backoff:
    """An exponential backoff with jitter."""

    def __init__(self, limits: Callable[[], BackoffLimits], random: random.Random) -> None:
        """Store the arguments. ``limits`` is called for each wait, because the CSMS may change the variables."""
        self._limits = limits
        self._random = random
        self._failures = 0

    def reset(self) -> None:
        """Start again with the shortest wait, after a connection was made."""
        self._failures = 0

    def next(self, retry_after: float | None = None) -> float:
        """Return the seconds to wait before the next attempt.

        RetryBackOffWaitMinimum is doubled at most RetryBackOffRepeatTimes times. A given ``retry_after``, in seconds,
        replaces it. Each wait has a random part in addition.
        """
        limits = self._limits()
        jitter = self._random.uniform(0, limits.random_range)
        wait = limits.wait_minimum * 2 ** min(self._failures, limits.repeat_times)
        self._failures += 1
        return (wait if retry_after is None else retry_after) + jitter
