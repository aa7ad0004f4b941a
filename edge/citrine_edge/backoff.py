"""How long to wait before a core is dialled again."""

__all__ = ["Backoff"]

FIRST, LAST = 0.1, 0.5
"""Seconds between attempts at a core that is not there. One that is back is soon found: stations wait for it."""

STABLE_AFTER = 5.0
"""Seconds for which a link has to be up, before the next loss of it counts as the first."""

UNSTABLE_FACTOR, UNSTABLE_LAST = 3.0, 5.0
"""By what the pause grows with each link that did not hold, and up to how many seconds."""


class Backoff:
    """Pauses between attempts at one address. It reads no clock and knows no chance: the caller shortens at random.

    A core that can't be reached is tried often. One that lets us in and drops us again is not: each attempt costs it
    and us a Hello, and stations their calls in flight.
    """

    __slots__ = ("_drops", "_pause")

    def __init__(self) -> None:
        self._pause = FIRST
        self._drops = 0

    def unreached(self) -> float:
        """Return the pause after an attempt that led to no link."""
        self._pause = min(self._pause * 2, LAST)
        return max(self._pause, self._unstable())

    def ended(self, uptime: float, *, orderly: bool = False) -> float:
        """Return the pause after the end of a link that was up.

        Args:
            uptime: Seconds that the link was up.
            orderly: Whether the core said before that it stops.
        """
        self._pause = FIRST
        if orderly or uptime >= STABLE_AFTER:
            self._drops = 0
        else:
            self._drops += 1
        return max(self._pause, self._unstable())

    def _unstable(self) -> float:
        return min(FIRST * UNSTABLE_FACTOR**self._drops, UNSTABLE_LAST) if self._drops else 0.0
