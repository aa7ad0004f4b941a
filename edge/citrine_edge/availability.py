"""Availability of the edge: when an outage begins, and at what rate stations are admitted after it."""

import math
from collections import deque

__all__ = ["Availability"]

FLAPS_WITHIN = 600.0
"""Seconds for which an outage counts towards the settle time of the next one."""

LONGEST_SETTLE = 30.0
"""Longest settle time, in seconds."""

RAMP_PARTS = 50
"""The edge opens at this fraction of the full handshake rate: one part of so many."""

RAMP_DOUBLING = 2.0
"""Seconds in which the rate doubles."""


class Availability:
    """Tracks whether a core serves, and derives outages from it. It reads no clock: the time is passed in.

    - Connected stations are served whenever a core serves. New stations need more than that.
    - An **outage** begins when no core served for the hold time: sockets must be closed, and new stations are refused.
      Periods without a core add up, unless a core served for the settle time in between.
    - After an outage, new stations are admitted once a core has served for the settle time without a break. The settle
      time doubles with each further outage. The rate of admissions starts low, and doubles every few seconds.

    There is no settle time for a core that serves again within the hold time, nor for the first one after the start.
    """

    def __init__(self, hold_time: float, settle_time: float, handshake_rate: float, now: float) -> None:
        self._hold_time = hold_time
        self._settle_time = settle_time
        self._full_rate = handshake_rate
        self._served_since: float | None = None
        self._unserved_since = now
        # Seconds of earlier periods without a core, before the one that began at unserved_since.
        self._unserved = 0.0
        self._has_served = False
        self._closed = False
        self._refuses = False
        self._outages: deque[float] = deque()
        self._ramp: _Ramp | None = None

    @property
    def serving(self) -> bool:
        """Whether some core serves."""
        return self._served_since is not None

    @property
    def is_open(self) -> bool:
        """Whether new stations are admitted, at the rate of `try_admit`."""
        return self.serving and not self._refuses

    @property
    def has_served(self) -> bool:
        """Whether any core served since the start."""
        return self._has_served

    def change(self, serving: bool, now: float) -> None:
        """Set whether a core serves. Idempotent."""
        if serving == self.serving:
            return
        if serving:
            if self._has_served:
                self._unserved += now - self._unserved_since
            else:
                # The time before the first core served does not count.
                self._unserved = 0.0
            self._served_since, self._has_served, self._closed = now, True, False
        else:
            self._settle(now)
            self._served_since, self._unserved_since = None, now

    def begins_outage(self, now: float) -> bool:
        """Return True once per outage, when all sockets must be closed. To be called several times in the hold time."""
        if self._served_since is not None:
            self._settle(now)
            return False
        if self._closed or self._unserved + now - self._unserved_since < self._hold_time:
            return False
        self._closed = True
        if self._has_served:
            self._refuses, self._ramp = True, None
            self._outages.append(now)
        return True

    def settle_time(self, now: float) -> float:
        """Return the settle time now, in seconds."""
        while self._outages and now - self._outages[0] > FLAPS_WITHIN:
            self._outages.popleft()
        doublings = max(0, len(self._outages) - 1)
        return min(self._settle_time * 2.0**doublings, max(LONGEST_SETTLE, self._settle_time))

    def try_admit(self, now: float) -> bool:
        """Return whether one more station may be admitted now, and count it."""
        if not self.is_open:
            return False
        if self._ramp is not None and self._ramp.is_over(now):
            self._ramp = None
        return self._ramp is None or self._ramp.try_acquire(now)

    def _settle(self, now: float) -> None:
        """End the outage if a core has served for the settle time."""
        if self._served_since is None or now - self._served_since < self.settle_time(now):
            return
        self._unserved = 0.0
        if self._refuses:
            self._refuses = False
            self._ramp = _Ramp(self._full_rate, now)


class _Ramp:
    """A rate that doubles every two seconds until it is the full one."""

    def __init__(self, full_rate: float, now: float) -> None:
        self._full_rate = full_rate
        self._began = self._time = now
        self._tokens = 1.0

    def is_over(self, now: float) -> bool:
        return self._rate(now) >= self._full_rate

    def try_acquire(self, now: float) -> bool:
        rate = self._rate(now)
        # The burst is half a second, and at least one, so that rates below one work as well.
        self._tokens = min(max(1.0, rate / 2), self._tokens + (now - self._time) * rate)
        self._time = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _rate(self, now: float) -> float:
        doublings: float = (now - self._began) / RAMP_DOUBLING
        return self._full_rate / RAMP_PARTS * math.exp2(doublings)
