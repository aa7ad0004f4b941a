"""How long a station waits before it connects again (part 4, Reconnecting); no input and no output."""

import random
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Backoff", "BackoffLimits"]


@dataclass(frozen=True, slots=True)
class BackoffLimits:
    """The three variables of OCPPCommCtrlr that rule reconnecting, in seconds and in times."""

    wait_minimum: float
    random_range: float
    repeat_times: int


class Backoff:
    """A growing, jittered waiting time."""

    def __init__(self, limits: Callable[[], BackoffLimits], random: random.Random) -> None:
        """Ask ``limits`` at every turn, since a CSMS may change them."""
        self._limits = limits
        self._random = random
        self._failures = 0

    def reset(self) -> None:
        """Begin anew: a connection was made."""
        self._failures = 0

    def next(self, retry_after: float | None = None) -> float:
        """Return the seconds to wait before the next attempt.

        RetryBackOffWaitMinimum is doubled at most RetryBackOffRepeatTimes times, and every wait has its
        own random part. A server that names a time itself (Retry-After) is obeyed instead.
        """
        limits = self._limits()
        jitter = self._random.uniform(0, limits.random_range)
        wait = limits.wait_minimum * 2 ** min(self._failures, limits.repeat_times)
        self._failures += 1
        return (wait if retry_after is None else retry_after) + jitter
