"""Lanes: what dequeues items in batches, each in a transaction of its own."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from citrine.edge.v1.link_pb2 import Downstream, StationCall
from citrine.ocpp.actions import unwrap
from citrine_core.dispatch.calls import Call
from citrine_core.dispatch.turns import Turns
from citrine_core.times import to_datetime

__all__ = ["Item", "Lane", "Lanes", "to_call"]

MAX_WAITING = 100_000
"""Waiting items above which backpressure begins: links are no longer read, and nobody has a turn. So it is far more
than one tenant has waiting, whose CALLs are at most 4096 by each link and one of each station. They need 200 MB."""

SPILL = 16
"""Waiting items with which a further lane takes part."""

PATIENCE = 0.02
"""Seconds that an item waits for lanes that work before a further one takes part."""


@dataclass(slots=True)
class Item:
    """One unit of work for a station, handled within a batch."""

    tenant_id: str
    station_id: str
    content: Any
    """A message of `citrine.edge.v1`, or an object of the core's own. Its class selects the stage."""
    reply: Callable[[Downstream], None]
    """Sends an item back to the sender. Must be called only after the commit."""
    edge_id: str = ""
    """Edge that sent it. Empty: the core itself."""
    finding: Any = None
    """Result of an inquirer (see inquiries). None: no inquirer was asked."""
    forgotten: bool = False
    """True once it was dropped at the start of an outage, because its sender resends it."""


def to_call(item: Item) -> Call[Any]:
    """Return the call for handlers of an item."""
    content = item.content
    call = Call(
        item.tenant_id,
        item.station_id,
        content.session.epoch,
        content.message_id,
        unwrap(content.request),
        to_datetime(content.receive_time),
        item.finding,
    )
    if type(content) is StationCall and content.HasField("supplement"):
        call.supplement = content.supplement
    return call


def _station(item: Item) -> tuple[str, str]:
    return item.tenant_id, item.station_id


class Lane:
    """Dequeues items of all lanes, for one consumer task that completes what it dequeued before it dequeues more."""

    def __init__(self, lanes: "Lanes") -> None:
        self._lanes = lanes
        self._under_way: list[Item] = []
        self.roused = asyncio.Event()
        """Set when the lane should look whether there is something for it."""

    @property
    def under_way(self) -> Sequence[Item]:
        """Items that were dequeued and are not done."""
        return self._under_way

    async def dequeue(self, most: int) -> tuple[list[Item], float]:
        """Wait for items; return at most so many, and the seconds that the first of them waited.

        They count as in progress until `done`.
        """
        while True:
            waited = self._lanes.waited
            self._under_way = self._lanes.dequeue_for(self, most)
            if self._under_way:
                self._lanes.rouse()
                return self._under_way, waited
            self.roused.clear()
            await self.roused.wait()

    def done(self, aside: Sequence[Item] = ()) -> None:
        """Mark the dequeued items as done, as put back, or as set aside.

        Args:
            aside: Those that wait for others, in order, with all that followed of their stations.
        """
        items, self._under_way = self._under_way, []
        self._lanes.release(items, aside)

    def put_back(self, items: Sequence[Item], is_forgotten: Callable[[Item], bool]) -> tuple[int, int]:
        """Requeue items at the front, then mark and drop all items that wait, old and new, that may be forgotten.

        Returns:
            The number of items that wait now, and of those that were dropped.
        """
        return self._lanes.put_back(items, is_forgotten)


class Lanes:
    """The queue between producers of items and the lanes of the dispatcher, each with its own transactions.

    Items of one station are dequeued in order, none while another lane has some of them under way. One lane dequeues
    all that waits, since one transaction of many costs little more than one of a single item. Further lanes take part
    when SPILL items wait while the others are busy, or when one has waited for PATIENCE.

    What waits beyond one batch is dequeued by tenant in turn: a batch has as many items of one as of another, and what
    one has less, the others have more. So a tenant waits for no more than the batch under way, whatever others bring.

    Items whose rows others have locked are set aside. Further items of their stations wait for them; nobody else does.

    Producers call `submit`; the dispatcher dequeues. It has no dependencies, so it is created before both. All methods
    must be called on the event loop's thread. `submit` never blocks, and may be called from anywhere, even while an
    item of the same station is in progress.

    Args:
        count: Number of lanes.
    """

    def __init__(self, count: int = 1) -> None:
        self._lanes = tuple(Lane(self) for _ in range(count))
        self._waiting: Turns[Item] = Turns()
        self._since = 0.0
        self._busy: set[tuple[str, str]] = set()
        self._aside: list[Item] = []
        self._has_aside = asyncio.Event()
        self._has_capacity = asyncio.Event()
        self._idle = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None
        self._has_capacity.set()
        self._idle.set()

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes)

    def submit(self, item: Item) -> None:
        """Queue an item behind the other items of its station."""
        if not self._waiting.size:
            self._since = time.monotonic()
            self._idle.clear()
        self._waiting.append(item.tenant_id, item)
        if self._waiting.size > MAX_WAITING:
            self._has_capacity.clear()
        self.rouse()

    async def wait_for_capacity(self) -> None:
        """Wait until not too many items wait. Links are not read meanwhile, which is the backpressure on edges."""
        await self._has_capacity.wait()

    def waiting_of(self, tenant_id: str) -> int:
        """Return how many items of a tenant wait."""
        return self._waiting.size_of(tenant_id)

    @property
    def waiting(self) -> int:
        """How many items wait or are in progress."""
        return self._waiting.size + len(self._aside) + sum(len(lane.under_way) for lane in self._lanes)

    async def drained(self) -> None:
        """Wait until no item waits or is in progress."""
        await self._idle.wait()

    # What the lanes call.

    @property
    def waited(self) -> float:
        """Seconds that the first item has waited."""
        return time.monotonic() - self._since

    def dequeue_for(self, lane: Lane, most: int) -> list[Item]:
        """Return at most so many items for a lane; none while those that work will soon dequeue them."""
        others_work = any(other.under_way for other in self._lanes if other is not lane)
        if others_work and self._waiting.size < SPILL and self.waited < PATIENCE:
            self.rouse()
            return []
        batch = self._waiting.dequeue(most, self._is_busy if self._busy else None)
        if len(self._lanes) > 1:
            self._busy.update(map(_station, batch))
        self._since = time.monotonic()
        if self._waiting.size <= MAX_WAITING:
            self._has_capacity.set()
        return batch

    def release(self, items: Sequence[Item], aside: Sequence[Item] = ()) -> None:
        """Let other lanes dequeue items of the stations of these, but of those of which some are set aside."""
        self._busy.difference_update(map(_station, items))
        if aside:
            self._aside += aside
            self._busy.update(map(_station, aside))
            self._has_aside.set()
        self._say_whether_idle()
        self.rouse()

    @property
    def aside(self) -> int:
        """How many stations have items that were set aside."""
        return len({_station(item) for item in self._aside})

    async def next_aside(self) -> list[Item]:
        """Wait until items are set aside, and return all of one station, of each in turn."""
        await self._has_aside.wait()
        station = _station(self._aside[0])
        items = [item for item in self._aside if _station(item) == station]
        self._aside = [item for item in self._aside if _station(item) != station] + items
        return items

    def end_aside(self, items: Sequence[Item], *, done: bool) -> None:
        """Have all items of a station aside no longer: they are done, or wait again, before its other items."""
        station = _station(items[0])
        self._aside = [item for item in self._aside if _station(item) != station]
        if not self._aside:
            self._has_aside.clear()
        self._busy.discard(station)
        if not done:
            if not self._waiting.size:
                self._since = time.monotonic()
            self._waiting.put_back(station[0], items)
        self._say_whether_idle()
        self.rouse()

    def put_back(self, items: Sequence[Item], is_forgotten: Callable[[Item], bool]) -> tuple[int, int]:
        """Do as `Lane.put_back`."""
        everything = [*items, *self._waiting.dequeue_all()]
        for item in everything:
            item.forgotten = is_forgotten(item)
            if not item.forgotten:
                self._waiting.append(item.tenant_id, item)
        self._has_capacity.set()
        return self._waiting.size, len(everything) - self._waiting.size

    def _is_busy(self, item: Item) -> bool:
        return _station(item) in self._busy

    def _say_whether_idle(self) -> None:
        if not self._waiting.size and not self._aside and not any(lane.under_way for lane in self._lanes):
            self._idle.set()

    def rouse(self) -> None:
        """Have a lane that has nothing under way look, if there is something for it, or as soon as there is."""
        if not self._waiting.size:
            return
        idle = [lane for lane in self._lanes if not lane.under_way]
        if len(idle) == len(self._lanes) or (idle and self._waiting.size >= SPILL):
            idle[0].roused.set()
        elif idle and self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        if self._waiting.size:
            for lane in self._lanes:
                if not lane.under_way:
                    lane.roused.set()
