"""Rates: so many per second, and some at once."""

__all__ = ["TokenBucket"]


class TokenBucket:
    """Lets pass what comes at a rate; what comes too early has to wait. It reads no clock: the time is handed in."""

    __slots__ = ("_burst", "_rate", "_time", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._time = now

    def acquire(self, now: float) -> float:
        """Take one in any case, and return for how many seconds nothing more should be taken."""
        delay = self.delay(now)
        self._tokens -= 1
        return delay if self._tokens >= 0 else -self._tokens / self._rate

    def delay(self, now: float) -> float:
        """Return in how many seconds what was taken too early is made up for; 0 if nothing was."""
        self._tokens = min(self._burst, self._tokens + (now - self._time) * self._rate)
        self._time = now
        return max(0.0, -self._tokens / self._rate)

    def try_acquire(self, now: float) -> bool:
        """Take one if there is one; return whether there was."""
        self.delay(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
