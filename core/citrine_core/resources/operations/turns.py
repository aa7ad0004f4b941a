"""Whose turn it is among the operations that go on: each tenant's in turn, those that only wait less often. Pure."""

from collections import Counter
from collections.abc import Collection, Sequence

__all__ = ["Key", "Turns"]

Key = tuple[str, str]
"""Tenant and id of an operation."""

FIRST_PAUSE = 1.0
"""Seconds until an operation is advanced again that began with no station; they double."""

LONGEST_PAUSE = 4.0

MOST = 100
"""Most operations that are advanced in a row without anything to record."""


class Turns:
    """When each operation was advanced, and when it is to be again."""

    def __init__(self) -> None:
        self._last: dict[Key, float] = {}
        self._pauses: dict[Key, float] = {}

    def retain(self, keys: Collection[Key]) -> None:
        """Forget all others."""
        self._last = {key: time for key, time in self._last.items() if key in keys}
        self._pauses = {key: pause for key, pause in self._pauses.items() if key in keys}

    def next(self, operations: Sequence[Key], urgent: Collection[Key], now: float) -> Sequence[Key]:
        """Return the operations to advance now: one of each tenant, then a second one of each, and so on.

        Args:
            operations: All that have not ended, the oldest first.
            urgent: Those that have something to record. They are all returned.
            now: By the clock of the event loop.
        """
        never = float("-inf")
        due = [
            one for one in operations if one in urgent or now >= self._last.get(one, never) + self._pauses.get(one, 0)
        ]
        # Of a tenant, those first that waited for longest.
        due.sort(key=lambda one: self._last.get(one, never))
        before: Counter[str] = Counter()
        places: dict[Key, int] = {}
        for one in due:
            places[one] = before[one[0]]
            before[one[0]] += 1
        due.sort(key=places.__getitem__)
        some = set(due[:MOST])
        return [one for one in due if one in some or one in urgent]

    def advanced(self, key: Key, now: float, *, begins: bool) -> None:
        """Record that an operation was advanced, and whether it began with any station."""
        pause = self._pauses.get(key, 0.0)
        self._last[key] = now
        self._pauses[key] = 0.0 if begins else min(max(FIRST_PAUSE, 2 * pause), LONGEST_PAUSE)
