"""The jobs that count: what events say, behind the commit, and what was stored before there were statistics."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from citrine_core.blocks.transactions.queries import find_after
from citrine_core.db import UnitOfWork
from citrine_core.events import OutboxRepository
from citrine_core.resources.stations.queries import find_stations_after
from citrine_core.resources.statistics.counting import count_marks
from citrine_core.resources.statistics.marks import KINDS, Marks, marks_of
from citrine_core.resources.statistics.repository import Cursor, StatisticsRepository
from citrine_core.resources.tenants.removed import RemovedTenants
from citrine_core.services import Services
from citrine_core.steps import run_cooperatively

__all__ = ["BACKFILL_INTERVAL", "INTERVAL", "Backfill", "Counting"]

INTERVAL = timedelta(seconds=2)
"""Interval of the job. What happens meanwhile is counted together."""

BACKFILL_INTERVAL = timedelta(seconds=10)

MOST_EVENTS = 2000
"""Most events that are counted in one database transaction."""

MOST_PASSED = 20_000
"""Most events that are passed over in one database transaction, and before it is stored that they are."""

MOST_STATIONS = 100
"""Most stations of which the states are counted anew in one database transaction: others wait for it on SQLite."""

MOST_AT_A_TIME = 200
"""Most stations, or transactions, of before that are counted in one database transaction."""

REST, LONGEST_REST = 3, 1.0
"""How much longer than a part others have their turn after it, and at most how many seconds."""

TRANSACTIONS, STATES = 1, 2
"""What of before is counted, one after the other."""


class _Limit:
    """How much one database transaction counts: half as much after each failure, up to the most again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.now = most

    @contextmanager
    def tried(self) -> Iterator[None]:
        """Learn from whether the block fails."""
        try:
            yield
        except Exception:
            self.now = max(self.now // 2, 1)
            raise
        self.now = min(self.now * 2, self._most)


class Counting:
    """Counts what events say, by one core at a time: each event once, whichever core it is.

    Most events say nothing that counts, so the job passes over them. How far it has is in memory, and stored with the
    next event that counts, once no further one comes, or after some: at load, it would be a transaction for nothing.
    """

    def __init__(self, services: Services) -> None:
        self._limit = _Limit(MOST_EVENTS)
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._stored = self._passed = -1
        """The event that is stored as counted, and the one up to which nothing more counts."""

    async def run(self) -> None:
        """Count all that there is by now. What comes meanwhile is for the next run."""
        is_behind = True
        while is_behind:
            began = time.monotonic()
            try:
                with self._limit.tried():
                    is_behind = await self._count()
            except Exception:
                # The database may be another one behind an outage, which lacks the last events: their ids come again.
                self._stored = self._passed = -1
                raise
            if is_behind:
                await _rest(began)

    async def _count(self) -> bool:
        """Count the next events; return whether there are more."""
        async with self._unit_of_work(read_only=True) as work:
            # Usually nothing that counts happened, and then no writer has to wait for this job.
            outbox = OutboxRepository(work.session)
            through = (await outbox.horizon()).through
            cursor = await StatisticsRepository(work.session).find_cursor()
            is_known = cursor.event_id == self._stored and self._passed <= through
            after = self._passed if is_known else cursor.event_id
            part = await outbox.read(after=after, through=through, kinds=KINDS, most=MOST_PASSED, limit=self._limit.now)
            pruned = await outbox.pruned_through()
        # Stations may come back after days, of which each quarter of an hour is a sum.
        marks, count = await run_cooperatively(marks_of((payload for _, payload in part.events), MOST_STATIONS))
        is_cut = count < len(part.events)
        last = part.events[count - 1][0] if is_cut else part.last
        is_quiet = last == after
        # Events were removed before they were counted, as after a long stop: all is counted anew.
        is_pruned = not is_quiet and 0 < after < pruned
        if marks or is_pruned or last - cursor.event_id > MOST_PASSED or (is_quiet and last != cursor.event_id):
            async with self._unit_of_work() as work:
                # Nothing is due by what is counted.
                work.is_routine = not is_pruned
                repository = StatisticsRepository(work.session)
                locked = await repository.lock_cursor()
                if locked is None:
                    return False
                if locked.event_id != cursor.event_id:
                    # Another core has counted meanwhile.
                    return True
                await _count_all(work, marks, self._clock())
                if is_pruned:
                    await repository.move_backfill(("", "", ""), TRANSACTIONS, self._clock())
                await repository.move_events(last)
                await work.commit()
            self._stored = last
        else:
            self._stored = cursor.event_id
        self._passed = last
        return is_cut or not part.is_all


class Backfill:
    """Counts transactions and states that were stored before there were statistics, part by part."""

    def __init__(self, services: Services) -> None:
        self._limit = _Limit(MOST_AT_A_TIME)
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def run(self) -> None:
        """Count all of them. Another core goes on where this one stops."""
        is_behind = True
        while is_behind:
            began = time.monotonic()
            with self._limit.tried():
                is_behind = await self._count()
            await _rest(began)

    async def _count(self) -> bool:
        async with self._unit_of_work(read_only=True) as work:
            if not (await StatisticsRepository(work.session).find_cursor()).stage:
                return False
        async with self._unit_of_work() as work:
            repository = StatisticsRepository(work.session)
            cursor = await repository.lock_cursor()
            if cursor is None or not cursor.stage:
                return False
            marks, last = await self._next(work, cursor)
            await _count_all(work, marks, self._clock())
            stage = cursor.stage
            if last is None:
                stage = STATES if stage == TRANSACTIONS else 0
            await repository.move_backfill(last or ("", "", ""), stage, self._clock())
            await work.commit()
        return bool(stage)

    async def _next(self, work: UnitOfWork, cursor: Cursor) -> tuple[Mapping[str, Marks], tuple[str, str, str] | None]:
        """Return what is to be counted next, and the last of it; None: it was the last part."""
        marks: dict[str, Marks] = {}
        if cursor.stage == TRANSACTIONS:
            found = await find_after(work.session, cursor.last, self._limit.now)
            for tenant_id, *key in found:
                marks.setdefault(tenant_id, Marks()).transactions.add((key[0], key[1]))
            return marks, found[-1] if found else None
        stations = await find_stations_after(work.session, cursor.last[:2], self._limit.now)
        for tenant_id, station_id in stations:
            # From the first report on.
            marks.setdefault(tenant_id, Marks()).mark_station(station_id, self._clock())
        return marks, (*stations[-1], "") if stations else None


async def _rest(began: float) -> None:
    """Let others have their turn to run and to write after a part that began at a time."""
    await asyncio.sleep(min(REST * (time.monotonic() - began), LONGEST_REST))


async def _count_all(work: UnitOfWork, marks: Mapping[str, Marks], now: datetime) -> None:
    # What is retained of them, and their events, would bring back what was removed.
    removed = set(await RemovedTenants(work.session).list_ids()) if marks else set()
    for tenant_id in sorted(marks.keys() - removed):
        await count_marks(work, tenant_id, marks[tenant_id], now)
        await work.stay_alive()
