"""How long a batch of calls waits for more: one of several costs little more than one of a single call."""

__all__ = ["Gathering"]

WINDOW = 1.0
"""Seconds over which calls and their stations are counted."""


class Gathering:
    """Counts the calls of stations, and says whether more are to be expected soon.

    A batch waits only where others are likely to come meanwhile: several calls come in that time, and from more
    stations than those that wait for an answer now. A station sends nothing until its last call is answered, so those
    that all others have sent already are not waited for; a station that is alone never waits.

    Args:
        longest: Seconds that a batch waits at most. 0: none waits.
    """

    def __init__(self, longest: float) -> None:
        self.longest = longest
        """Seconds that a batch waits at most."""
        self._began = 0.0
        self._calls = self._calls_before = 0
        self._stations: set[object] = set()
        self._stations_before = 0

    def count(self, station: object, now: float) -> None:
        """Count a call.

        Args:
            station: Whose call it is.
            now: Seconds of a monotonic clock.
        """
        passed = now - self._began
        if passed >= WINDOW:
            is_next = passed < 2 * WINDOW
            self._calls_before = self._calls if is_next else 0
            self._stations_before = len(self._stations) if is_next else 0
            self._calls = 0
            self._stations.clear()
            self._began = now
        self._calls += 1
        self._stations.add(station)

    def expects_more(self, unanswered: int, links: int) -> bool:
        """Return whether a batch should wait.

        Args:
            unanswered: Calls that wait for an answer, those of the batch included.
            links: Over how many links the calls go.
        """
        calls, stations = max(self._calls, self._calls_before), max(len(self._stations), self._stations_before)
        return calls * self.longest >= links * WINDOW and stations > unanswered
