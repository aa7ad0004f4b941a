"""Lanes: what waits while a transaction is under way goes into the next one."""

import asyncio
import logging
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from citrine.edge.v1.link_pb2 import Downstream

from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable

__all__ = ["Dispatcher", "Item", "Stage"]

logger = logging.getLogger(__name__)

MAX_BATCH = 256
"""Items of one database transaction at most."""

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


class Stage(Protocol):
    """What is done with items of some classes. Stages run one after the other in one unit of work."""

    kinds: tuple[type, ...]
    """Classes of content that the stage takes."""

    def writes(self, item: Item) -> bool:
        """Tell whether the item may write to the database."""
        ...

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Do all of it, with `work.after_commit` for what leaves the process."""
        ...

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Say that an item can't be done, not even alone. `work` is None when even that could not be stored."""
        ...

    def lost(self, item: Item) -> bool:
        """Tell whether to forget an item in an outage, because its sender sends it again."""
        ...


class Dispatcher:
    """Runs items in batches, one database transaction each, items of one station always in order.

    Args:
        stages: In the order in which they run within a batch.
        unit_of_work: Opens transactions.
        on_outage: Called when the database failed. Returns once a write was committed again.
        lanes: How many transactions at a time. Stations are spread over them.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        unit_of_work: UnitOfWorkFactory,
        on_outage: Callable[[], Awaitable[None]],
        lanes: int = 1,
    ) -> None:
        self._stages = stages
        self._by_kind = {kind: stage for stage in stages for kind in stage.kinds}
        self._unit_of_work = unit_of_work
        self._on_outage = on_outage
        self._lanes = [_Lane() for _ in range(lanes)]
        self.batches = 0
        self.items = 0

    def submit(self, item: Item) -> None:
        """Queue an item behind those of the same station."""
        lane = self._lanes[self._lane_of(item)]
        lane.waiting.append(item)
        lane.filled.set()
        if len(lane.waiting) > MAX_WAITING:
            lane.has_room.clear()

    async def room(self) -> None:
        """Wait until there is room for more items; links are not read meanwhile."""
        for lane in self._lanes:
            await lane.has_room.wait()

    @property
    def waiting(self) -> int:
        """How many items wait or are under way."""
        return sum(len(lane.waiting) + lane.under_way for lane in self._lanes)

    async def run(self) -> None:
        """Run until cancelled. An item under way when it is cancelled has no effect and no answer."""
        async with asyncio.TaskGroup() as tasks:
            for number, lane in enumerate(self._lanes):
                tasks.create_task(self._run_lane(lane), name=f"lane {number}")

    async def drained(self) -> None:
        """Wait until nothing waits and nothing is under way."""
        for lane in self._lanes:
            await lane.idle.wait()

    def _lane_of(self, item: Item) -> int:
        if len(self._lanes) == 1:
            return 0
        return zlib.crc32(f"{item.tenant_id}/{item.station_id}".encode()) % len(self._lanes)

    async def _run_lane(self, lane: "_Lane") -> None:
        while True:
            if not lane.waiting:
                lane.idle.set()
                lane.filled.clear()
                await lane.filled.wait()
                lane.idle.clear()
            batch = lane.take(MAX_BATCH)
            await self._run_batch(lane, batch)
            lane.under_way = 0

    async def _run_batch(self, lane: "_Lane", batch: list[Item]) -> None:
        self.batches += 1
        self.items += len(batch)
        try:
            await self._transaction(batch)
        except DatabaseUnavailable:
            await self._outage(lane, batch)
        except Exception as error:
            if len(batch) == 1:
                await self._poisoned(lane, batch[0], error)
            else:
                logger.warning("a batch failed, each of its items runs alone", exc_info=error)
                await self._one_by_one(lane, batch)

    async def _one_by_one(self, lane: "_Lane", batch: list[Item]) -> None:
        for position, item in enumerate(batch):
            try:
                await self._transaction([item])
            except DatabaseUnavailable:
                await self._outage(lane, batch[position:])
                return
            except Exception as error:
                await self._poisoned(lane, item, error)

    async def _transaction(self, batch: Sequence[Item]) -> None:
        writes = any(self._by_kind[type(item.content)].writes(item) for item in batch)
        async with self._unit_of_work(read_only=not writes) as work:
            for stage in self._stages:
                items = [item for item in batch if type(item.content) in stage.kinds]
                if items:
                    await stage.run(work, items)
            await work.commit()

    async def _outage(self, lane: "_Lane", batch: Sequence[Item]) -> None:
        logger.error("the database is not available, %d items wait", len(batch) + len(lane.waiting))
        await self._on_outage()
        # What its sender sends again is not done twice; the rest was not lost in between.
        held = [*batch, *lane.waiting]
        lane.waiting.clear()
        lane.waiting.extend(item for item in held if not self._by_kind[type(item.content)].lost(item))
        lane.has_room.set()

    async def _poisoned(self, lane: "_Lane", item: Item, error: Exception) -> None:
        logger.error(
            "an item failed by itself",
            exc_info=error,
            extra={"station_id": item.station_id, "kind": type(item.content).__name__},
        )
        stage = self._by_kind[type(item.content)]
        try:
            async with self._unit_of_work() as work:
                await stage.poisoned(work, item, error)
                await work.commit()
        except DatabaseUnavailable:
            await self._outage(lane, [item])
        except Exception as second:
            logger.error("what failed could not be stored", exc_info=second)
            await stage.poisoned(None, item, error)


class _Lane:
    def __init__(self) -> None:
        self.waiting: deque[Item] = deque()
        self.under_way = 0
        self.filled = asyncio.Event()
        self.idle = asyncio.Event()
        self.has_room = asyncio.Event()
        self.idle.set()
        self.has_room.set()

    def take(self, most: int) -> list[Item]:
        batch = [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]
        self.under_way = len(batch)
        if len(self.waiting) < MAX_WAITING // 2:
            self.has_room.set()
        return batch
