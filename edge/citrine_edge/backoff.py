"""Backoff between attempts to connect to a core."""

__all__ = ["Backoff"]

FIRST, LAST = 0.1, 0.5
"""First and longest pause, in seconds, between attempts at a core that is unreachable. Short: stations wait for it."""

STABLE_AFTER = 5.0
"""Seconds that a link must be up before its end resets the backoff."""

UNSTABLE_FACTOR, UNSTABLE_LAST = 3.0, 5.0
"""Factor by which the pause grows with each link that ended early, and the longest pause in seconds."""


class Backoff:
    """Computes the pauses between attempts at one address. It reads no clock; the caller adds the jitter.

    An unreachable core is tried often. A core that welcomes the edge and then drops the link is tried less and less:
    each attempt costs both sides a Hello, and stations their calls in flight.
    """

    __slots__ = ("_drops", "_pause")

    def __init__(self) -> None:
        self._pause = FIRST
        self._drops = 0

    def unreached(self) -> float:
        """Return the pause after an attempt that failed."""
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
