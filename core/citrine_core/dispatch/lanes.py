"""Lanes: what waits while a transaction is under way goes into the next one."""

import asyncio
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from citrine.edge.v1.link_pb2 import Downstream

__all__ = ["Item", "Lane", "Lanes"]

MAX_WAITING = 20_000
"""Items that may wait in a lane before the links are read no further."""


@dataclass(slots=True)
class Item:
    """One thing to do for a station within a batch."""

    tenant_id: str
    station_id: str
    content: Any
    """What it is: a message of `citrine.edge.v1`, or an object of the core's own; its class chooses the stage."""
    reply: Callable[[Downstream], None]
    """Sends something back to where the item came from. To be called after the commit only."""
    finding: Any = None
    """What an inquirer found out about it (see inquiries). None: nobody was asked."""
    forgotten: bool = False
    """True once it was dropped at the begin of an outage, because its sender sends it again."""


class Lane:
    """The queue of some stations. One task dequeues, anybody puts."""

    def __init__(self) -> None:
        self.has_capacity = asyncio.Event()
        """Cleared while too many items wait."""
        self.idle = asyncio.Event()
        """Set while nothing waits and nothing is under way."""
        self._waiting: deque[Item] = deque()
        self._under_way = 0
        self._filled_since = 0.0
        self._filled = asyncio.Event()
        self.idle.set()
        self.has_capacity.set()

    def __len__(self) -> int:
        """Return how many items wait or are under way."""
        return len(self._waiting) + self._under_way

    def put(self, item: Item) -> None:
        """Queue an item."""
        if not self._waiting:
            self._filled_since = time.monotonic()
            self._filled.set()
            self.idle.clear()
        self._waiting.append(item)
        if len(self._waiting) > MAX_WAITING:
            self.has_capacity.clear()

    async def dequeue(self, most: int) -> tuple[list[Item], float]:
        """Wait until something waits; return so many items at most, and the seconds that the first of them waited.

        They are under way until `done`.
        """
        if not self._waiting:
            self.idle.set()
            self._filled.clear()
            await self._filled.wait()
        waited = time.monotonic() - self._filled_since
        batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._under_way = len(batch)
        self._filled_since = time.monotonic()
        if len(self._waiting) < MAX_WAITING // 2:
            self.has_capacity.set()
        return batch, waited

    def done(self) -> None:
        """Say that what was dequeued is done, or put back."""
        self._under_way = 0

    def put_back(self, items: Sequence[Item], is_forgotten: Callable[[Item], bool]) -> tuple[int, int]:
        """Put back what could not be done, before all that waits; mark and drop of both what may be forgotten.

        Returns:
            How many wait, and how many were dropped.
        """
        everything = [*items, *self._waiting]
        self._waiting.clear()
        for item in everything:
            item.forgotten = is_forgotten(item)
            if not item.forgotten:
                self._waiting.append(item)
        self.has_capacity.set()
        return len(self._waiting), len(everything) - len(self._waiting)


class Lanes:
    """Items that wait to be done, those of one station in one lane, in their order.

    Whoever has something for a station submits it here; a dispatcher empties it. It needs nothing, so it is made before
    both. Everything is called from the event loop's thread; `submit` returns at once, and may be called from anywhere,
    also while an item of the same station is under way.

    Args:
        count: How many. Stations are spread over them, and each has a transaction of its own.
    """

    def __init__(self, count: int = 1) -> None:
        self._lanes = tuple(Lane() for _ in range(count))

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes)

    def submit(self, item: Item) -> None:
        """Queue an item behind those of the same station."""
        self._lanes[self._number_of(item)].put(item)

    async def wait_for_capacity(self) -> None:
        """Wait while too many items wait; links are not read meanwhile."""
        for lane in self._lanes:
            await lane.has_capacity.wait()

    @property
    def waiting(self) -> int:
        """How many items wait or are under way."""
        return sum(len(lane) for lane in self._lanes)

    async def drained(self) -> None:
        """Wait until nothing waits and nothing is under way."""
        for lane in self._lanes:
            await lane.idle.wait()

    def _number_of(self, item: Item) -> int:
        if len(self._lanes) == 1:
            return 0
        return zlib.crc32(f"{item.tenant_id}/{item.station_id}".encode()) % len(self._lanes)
