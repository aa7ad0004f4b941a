"""Token buckets: a rate per second, and a burst."""

__all__ = ["TokenBucket"]


class TokenBucket:
    """A token bucket. It reads no clock: the time is passed in."""

    __slots__ = ("_burst", "_rate", "_time", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._time = now

    def acquire(self, now: float) -> float:
        """Acquire a token even if the bucket is empty; return for how many seconds the caller should then pause."""
        # Once for each message, so without another call.
        tokens = self._tokens + (now - self._time) * self._rate
        self._time = now
        self._tokens = tokens = (tokens if tokens < self._burst else self._burst) - 1
        return 0.0 if tokens >= 0 else -tokens / self._rate

    def delay(self, now: float) -> float:
        """Return in how many seconds the debt of `acquire` is paid off; 0 if there is none."""
        self._tokens = min(self._burst, self._tokens + (now - self._time) * self._rate)
        self._time = now
        return max(0.0, -self._tokens / self._rate)

    def try_acquire(self, now: float) -> bool:
        """Acquire a token if there is one; return whether there was."""
        self.delay(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
