"""Lanes: queues of items, each with one transaction at a time. Items that wait during it form the next batch."""

import asyncio
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from citrine.edge.v1.link_pb2 import Downstream
from citrine.ocpp.actions import unwrap
from citrine_core.dispatch.calls import Call
from citrine_core.times import to_datetime

__all__ = ["Item", "Lane", "Lanes", "to_call"]

MAX_WAITING = 20_000
"""Items in a lane above which backpressure begins: links are no longer read."""


@dataclass(slots=True)
class Item:
    """One unit of work for a station, handled within a batch."""

    tenant_id: str
    station_id: str
    content: Any
    """A message of `citrine.edge.v1`, or an object of the core's own. Its class selects the stage."""
    reply: Callable[[Downstream], None]
    """Sends an item back to the sender. Must be called only after the commit."""
    finding: Any = None
    """Result of an inquirer (see inquiries). None: no inquirer was asked."""
    forgotten: bool = False
    """True once it was dropped at the start of an outage, because its sender resends it."""


def to_call(item: Item) -> Call[Any]:
    """Return the call for handlers of an item."""
    content = item.content
    return Call(
        item.tenant_id,
        item.station_id,
        content.session.epoch,
        content.message_id,
        unwrap(content.request),
        to_datetime(content.receive_time),
        item.finding,
    )


class Lane:
    """The queue of some stations, with any number of producers and one consumer task."""

    def __init__(self) -> None:
        self.has_capacity = asyncio.Event()
        """Cleared while too many items wait."""
        self.idle = asyncio.Event()
        """Set while no item waits or is in progress."""
        self._waiting: deque[Item] = deque()
        self._under_way = 0
        self._filled_since = 0.0
        self._filled = asyncio.Event()
        self.idle.set()
        self.has_capacity.set()

    def __len__(self) -> int:
        """Return how many items wait or are in progress."""
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
        """Wait for items; return at most so many, and the seconds that the first of them waited.

        They count as in progress until `done`.
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
        """Mark the dequeued items as done, or as put back."""
        self._under_way = 0

    def put_back(self, items: Sequence[Item], is_forgotten: Callable[[Item], bool]) -> tuple[int, int]:
        """Requeue items at the front, then mark and drop all items, old and new, that may be forgotten.

        Returns:
            The number of items that wait now, and of those that were dropped.
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
    """The queues between producers of items and the dispatcher. All items of a station are in one lane, in order.

    Producers call `submit`; the dispatcher dequeues. It has no dependencies, so it is created before both. All methods
    must be called on the event loop's thread. `submit` never blocks, and may be called from anywhere, even while an
    item of the same station is in progress.

    Args:
        count: Number of lanes. Stations are spread over them, and each lane has its own transactions.
    """

    def __init__(self, count: int = 1) -> None:
        self._lanes = tuple(Lane() for _ in range(count))

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes)

    def submit(self, item: Item) -> None:
        """Queue an item behind the other items of its station."""
        self._lanes[self._number_of(item)].put(item)

    async def wait_for_capacity(self) -> None:
        """Wait until every lane has capacity. Links are not read meanwhile, which is the backpressure on edges."""
        for lane in self._lanes:
            await lane.has_capacity.wait()

    @property
    def waiting(self) -> int:
        """How many items wait or are in progress."""
        return sum(len(lane) for lane in self._lanes)

    async def drained(self) -> None:
        """Wait until no item waits or is in progress."""
        for lane in self._lanes:
            await lane.idle.wait()

    def _number_of(self, item: Item) -> int:
        if len(self._lanes) == 1:
            return 0
        return zlib.crc32(f"{item.tenant_id}/{item.station_id}".encode()) % len(self._lanes)
