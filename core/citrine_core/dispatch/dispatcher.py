"""The dispatcher: what waits in a lane is done together, in one database transaction, and answered after its commit."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from citrine_core.background import defect
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.db.databases import database_of
from citrine_core.db.outages import is_lock_timeout
from citrine_core.dispatch.lanes import Item, Lane, Lanes
from citrine_core.errors import DatabaseUnavailable
from citrine_core.traces import set_trace

__all__ = ["Dispatcher", "ObserveBatch", "Outages", "Stage"]

logger = logging.getLogger(__name__)

MAX_BATCH = 256
"""Items of one database transaction at most."""

PAUSES = (0.05, 0.3, 1.0)
"""Seconds before each further try of what fails as in an outage while a little can be committed: conflicts of
transactions, and connections of a pool that broke without our knowing. What fails all the same is an outage."""

MOST_ASIDE = 16
"""Stations whose rows others have locked at a time. Where there are more, this is an outage: a table is locked."""

BRIEFLY = 0.25
"""Seconds that a statement waits for a lock while it is found out whose rows are locked, and in each try after that."""

ObserveBatch = Callable[[int, float, float], None]
"""Called for each batch: how many items, the seconds that its first one waited, and how long its transaction lasted."""


class Stage(Protocol):
    """What is done with items of some classes. Stages run one after the other in one unit of work."""

    @property
    def kinds(self) -> tuple[type, ...]:
        """Classes of content that the stage handles."""
        ...

    def writes(self, item: Item) -> bool:
        """Return whether the item may write to the database."""
        ...

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Do all of it, with `work.after_commit` for what leaves the process."""
        ...

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Say that an item can't be done, not even alone. `work` is None when even that could not be stored."""
        ...

    def forget_in_outage(self, item: Item) -> bool:
        """Return, as an outage begins, whether to drop an item, because its sender resends it."""
        ...


class Outages(Protocol):
    """Knows whether the database commits."""

    async def probe(self) -> bool:
        """Return whether a write can be committed now."""
        ...

    def failed(self, error: BaseException | None = None, rehearse: Callable[[], Awaitable[None]] | None = None) -> None:
        """Report that the database failed; whoever sends us items is notified, and queues what comes.

        Args:
            error: What it failed with.
            rehearse: Does again what it failed at, and commits nothing; fails as long as the outage lasts.
        """
        ...

    async def recovered(self) -> None:
        """Wait until a write was committed again."""
        ...


class Dispatcher:
    """Runs the items of lanes in batches, one database transaction each.

    Invariants:

    - Items of one station are run in the order in which they were submitted, never two of them at the same time.
    - A stage gets the items of its classes, those of a batch together, after the stages before it and in the same
      transaction. It may be run several times with the same items, each time in another transaction, until one is
      committed. So whatever a stage does beside the database, it does by `work.after_commit`: this happens once, and
      only where the transaction was committed.
    - A batch that fails because of one of its items is halved until that one is alone: only what fails alone, and by
      its own values, is poisoned. What fails because of the database is an outage, whatever it is, and poisons
      nothing: the outage lasts until the same batch can be written. Meanwhile its lane stands, and what its sender
      sends again is forgotten (`Item.forgotten`).
    - Where others have locked rows of some stations for long, the items of these are set aside, and done as soon as
      they can be. Neither their lane nor other stations wait.
    - An error of a stage ends neither its lane nor the others.

    `run` is called once, by the owner, and owns the tasks: one for each lane. Items are submitted to `lanes` at any
    time, also before `run` and by stages and their callbacks after a commit: they come into a later batch, for a batch
    that is under way accepts nothing more. A stage must not wait for an item that it submits, nor for `drained`.

    Everything is called from the event loop's thread.

    Args:
        stages: In the order in which they run within a batch.
        lanes: Where the items come from. Nobody else may dequeue items from them.
        unit_of_work: Opens transactions.
        outages: Asked when a transaction fails because of the database.
        observe: Called for each batch.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        lanes: Lanes,
        unit_of_work: UnitOfWorkFactory,
        outages: Outages,
        observe: ObserveBatch | None = None,
    ) -> None:
        self.lanes = lanes
        """Where the items come from."""
        self._stages = stages
        self._by_kind = {kind: stage for stage in stages for kind in stage.kinds}
        self._position = {kind: position for position, stage in enumerate(stages) for kind in stage.kinds}
        self._unit_of_work = unit_of_work
        self._outages = outages
        self._observe = observe

    async def run(self) -> None:
        """Run until cancelled. An item under way when it is cancelled has no effect and no answer."""
        async with asyncio.TaskGroup() as tasks:
            for number, lane in enumerate(self.lanes):
                tasks.create_task(self._run_lane(lane), name=f"lane {number}")
            tasks.create_task(self._run_aside(), name="lane of those aside")

    async def _run_lane(self, lane: Lane) -> None:
        while True:
            batch, waited = await lane.dequeue(MAX_BATCH)
            started = time.monotonic()
            aside: Sequence[Item] = ()
            try:
                aside = await self._run_batch(lane, batch)
                if self._observe is not None:
                    self._observe(len(batch), waited, time.monotonic() - started)
            except Exception as error:
                # The other lanes, and what waits in this one, go on.
                defect("lanes", error)
            lane.done(aside)

    async def _run_aside(self) -> None:
        """Try what is set aside again and again. What fails by anything but a lock comes to the lanes again."""
        while True:
            items = await self.lanes.next_aside()
            await self._outages.recovered()
            try:
                await self._transaction(items, briefly=True)
            except DatabaseUnavailable as error:
                if is_lock_timeout(error):
                    await asyncio.sleep(BRIEFLY)
                else:
                    self.lanes.end_aside(items, done=False)
            except Exception:
                # A lane says what it is.
                self.lanes.end_aside(items, done=False)
            else:
                self.lanes.end_aside(items, done=True)

    async def _run_batch(self, lane: Lane, batch: Sequence[Item]) -> Sequence[Item]:
        """Run a batch; return those of its items that are to be set aside."""
        # The parts that are left, the next one last.
        parts = [batch]
        locked = _Locked()
        while parts:
            part = locked.without_followers(parts.pop())
            try:
                await self._run_part(part, parts, locked, is_whole=part is batch)
            except _Outage as outage:
                rest = [*locked.items, *(item for left in reversed(parts) for item in left)]
                await self._outage(lane, part, rest, outage.__cause__)
                return ()
        return locked.items

    async def _run_part(
        self, part: Sequence[Item], parts: list[Sequence[Item]], locked: "_Locked", *, is_whole: bool
    ) -> None:
        if not part:
            return
        error = await self._try(lambda: self._transaction(part, briefly=locked.seen), returns_locked=True)
        if error is None:
            return
        is_locked = isinstance(error, DatabaseUnavailable)
        if is_locked:
            locked.seen = True
            if self.lanes.aside + len(locked.stations) >= MOST_ASIDE:
                raise _Outage from error
        if len(part) > 1:
            self._halve(part, parts, error if is_whole else None)
        elif is_locked:
            logger.warning("a station waits: others have locked its rows", extra={"station_id": part[0].station_id})
            locked.add(part[0])
        else:
            await self._run_again(part[0], error, was_alone=is_whole)

    def _halve(self, part: Sequence[Item], parts: list[Sequence[Item]], error: Exception | None) -> None:
        # Reported once: the halves fail by the same, and what fails alone is reported by itself.
        if error is not None:
            logger.warning("a batch failed, its halves run one after the other", exc_info=error)
        middle = len(part) // 2
        parts += [part[middle:], part[:middle]]

    async def _run_again(self, item: Item, error: Exception, *, was_alone: bool) -> None:
        """Say of an item that failed alone that it did, once it has failed twice.

        Another core may have stored in between what it stores itself.
        """
        again = await self._try(lambda: self._transaction([item])) if was_alone else error
        if again is not None:
            await self._poisoned(item, again)

    async def _try(self, do: Callable[[], Awaitable[None]], *, returns_locked: bool = False) -> Exception | None:
        """Do something and return why it can't be done, or None where it is done.

        What fails because of the database is tried a few times as long as the database can commit something else.

        Args:
            do: What to do.
            returns_locked: Whether that others have locked rows is returned at once, and not tried again.

        Raises:
            _Outage: When it fails because of the database all the same.
        """
        for pause in (*PAUSES, None):
            try:
                await do()
            except DatabaseUnavailable as error:
                if pause is None or not await self._outages.probe():
                    raise _Outage from error
                if returns_locked and is_lock_timeout(error):
                    return error
                await asyncio.sleep(pause)
            except Exception as error:
                return error
            else:
                return None
        raise AssertionError("unreachable")

    async def _transaction(self, batch: Sequence[Item], *, briefly: bool = False) -> None:
        async with self._unit_of_work(read_only=not self._writes(batch)) as work:
            if briefly:
                connection = await work.session.connection()
                await database_of(connection).limit_lock_waits(connection, BRIEFLY)
            await self._run_stages(work, batch)
            await work.commit()

    async def _rehearse(self, batch: Sequence[Item]) -> None:
        """Do all of a batch but the commit."""
        async with self._unit_of_work.rehearsal() as work:
            await self._run_stages(work, batch)
            await work.rehearse()

    def _writes(self, batch: Sequence[Item]) -> bool:
        return any(self._by_kind[type(item.content)].writes(item) for item in batch)

    async def _run_stages(self, work: UnitOfWork, batch: Sequence[Item]) -> None:
        # Of several there is no one trace; what fails runs alone in the end.
        set_trace(getattr(batch[0].content, "traceparent", "") if len(batch) == 1 else "")
        by_stage: dict[int, list[Item]] = defaultdict(list)
        for item in batch:
            by_stage[self._position[type(item.content)]].append(item)
        for position in sorted(by_stage):
            await self._stages[position].run(work, by_stage[position])

    async def _outage(
        self, lane: Lane, failed: Sequence[Item], rest: Sequence[Item], error: BaseException | None
    ) -> None:
        # What its sender sends again is forgotten before the sender hears of the outage: all that it knows to be
        # unanswered then, it sends again when the outage is over. The rest waits here.
        retained, forgotten = lane.put_back([*failed, *rest], self._is_forgotten)
        logger.warning("in an outage %d items are retained and %d forgotten", retained, forgotten)
        self._outages.failed(error, lambda: self._rehearse(failed))
        await self._outages.recovered()

    def _is_forgotten(self, item: Item) -> bool:
        return self._by_kind[type(item.content)].forget_in_outage(item)

    async def _poisoned(self, item: Item, error: Exception) -> None:
        logger.error(
            "an item failed by itself",
            exc_info=error,
            extra={"station_id": item.station_id, "kind": type(item.content).__name__},
        )
        stage = self._by_kind[type(item.content)]

        async def store() -> None:
            async with self._unit_of_work() as work:
                await stage.poisoned(work, item, error)
                await work.commit()

        second = await self._try(store)
        if second is not None:
            logger.error("what failed could not be stored", exc_info=second)
            await stage.poisoned(None, item, error)


class _Locked:
    """Those items of a batch whose rows others have locked."""

    def __init__(self) -> None:
        self.seen = False
        """Whether there are any, so that further parts wait for locks only briefly."""
        self.items: list[Item] = []
        self.stations: set[tuple[str, str]] = set()

    def add(self, item: Item) -> None:
        self.items.append(item)
        self.stations.add((item.tenant_id, item.station_id))

    def without_followers(self, part: Sequence[Item]) -> Sequence[Item]:
        """Add what comes after an item of its station that was added, and return the rest."""
        if not self.stations:
            return part
        rest = []
        for item in part:
            if (item.tenant_id, item.station_id) in self.stations:
                self.items.append(item)
            else:
                rest.append(item)
        return rest


class _Outage(Exception):
    """The database fails, not what is done with it."""
