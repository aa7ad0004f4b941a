"""Availability of the edge: when an outage begins, and when stations are admitted after it."""

from collections import deque

__all__ = ["Availability"]

FLAPS_WITHIN = 600.0
"""Seconds for which an outage counts towards the settle time of the next one."""

LONGEST_SETTLE = 30.0
"""Longest settle time, in seconds."""


class Availability:
    """Tracks whether a core serves, and derives outages from it. It reads no clock: the time is passed in.

    - Connected stations are served whenever a core serves. New stations need more than that.
    - An **outage** begins when no core served for the hold time: sockets must be closed, and new stations are refused.
      Periods without a core add up, unless a core served for the settle time in between.
    - After an outage, new stations are admitted once a core has served for the settle time without a break. The settle
      time doubles with each further outage.

    There is no settle time for a core that serves again within the hold time, nor for the first one after the start.
    """

    def __init__(self, hold_time: float, settle_time: float, now: float) -> None:
        self._hold_time = hold_time
        self._settle_time = settle_time
        self._served_since: float | None = None
        self._unserved_since = now
        # Seconds of earlier periods without a core, before the one that began at unserved_since.
        self._unserved = 0.0
        self._has_served = False
        self._closed = False
        self._refuses = False
        self._outages: deque[float] = deque()

    @property
    def serving(self) -> bool:
        """Whether some core serves."""
        return self._served_since is not None

    @property
    def is_open(self) -> bool:
        """Whether new stations are admitted."""
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
            self._refuses = True
            self._outages.append(now)
        return True

    def settle_time(self, now: float) -> float:
        """Return the settle time now, in seconds."""
        while self._outages and now - self._outages[0] > FLAPS_WITHIN:
            self._outages.popleft()
        doublings = max(0, len(self._outages) - 1)
        return min(self._settle_time * 2.0**doublings, max(LONGEST_SETTLE, self._settle_time))

    def _settle(self, now: float) -> None:
        """End the outage if a core has served for the settle time."""
        if self._served_since is None or now - self._served_since < self.settle_time(now):
            return
        self._unserved = 0.0
        if self._refuses:
            self._refuses = False
