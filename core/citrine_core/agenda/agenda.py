"""The agenda: asks with one statement when the shared jobs are due, and runs them then."""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Integer, Select, literal_column, select, union_all

from citrine_core.agenda.lease import Lease
from citrine_core.background import defect, is_outage, waits_for_database
from citrine_core.clock import Clock
from citrine_core.db import Notices, UnitOfWorkFactory
from citrine_core.jobs import Job, first_runs

__all__ = ["LOOK_INTERVAL", "SOON", "Agenda", "lease_name"]

SOON = 2.0
"""Seconds from a look to the next one if something was committed since, on this core or another one."""

LOOK_INTERVAL = 10.0
"""Seconds from a look to the next one at the latest: another core may have committed something without notice."""

NAME = "agenda"


def lease_name(jobs: Sequence[Job]) -> str:
    """Return the name of the lease on shared jobs.

    Cores that have other jobs, of a plug-in or another release, must not count on one another.
    """
    names = "\n".join(sorted(job.name for job in jobs))
    return f"jobs {hashlib.sha256(names.encode()).hexdigest()[:16]}"


class Agenda:
    """Runs the shared jobs of a core: where they are woken, and where they are due and this core acts for all.

    Invariants:

    - A job that something wakes on this core runs on this core, at once, whoever holds the lease.
    - What is due by time is run by the core that acts for all. It looks for it SOON after each commit that it knows of,
      and after LOOK_INTERVAL at the latest. Between two looks it runs jobs at the times that the last one found.
    - A job runs once at a time on a core, and not more often than its interval, unless it is woken.

    Args:
        jobs: The shared jobs.
        lease: Says whether this core acts for all.
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        notices: By these a core that does not act for all tells the one that does of its commits.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        lease: Lease,
        unit_of_work: UnitOfWorkFactory,
        clock: Clock,
        notices: Notices,
    ) -> None:
        self._jobs = jobs
        self._lease = lease
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._notices = notices
        notices.on(NAME, self._something_changed)
        dues: list[Select[int, datetime | None]] = [
            select(literal_column(str(place), Integer()).label("job"), job.due.scalar_subquery().label("due"))
            for place, job in enumerate(jobs)
            if job.due is not None
        ]
        self._statement = union_all(*dues) if dues else None
        self._running: set[Job] = set()
        self._ended: dict[Job, float] = {}
        """When runs ended last."""
        self._timers: dict[Job, asyncio.TimerHandle] = {}
        # Sweeps of a starting core are spread, as its other jobs are.
        self._first = {job: time.monotonic() + after for job, after in first_runs(jobs) if job.due is None}
        self._looked = float("-inf")
        self._acts = False
        """Whether this core acts for all."""
        self._is_changed = True
        """Whether something may be due since the last look that it did not find."""

    async def run(self) -> None:
        """Run jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for job in self._jobs:
                tasks.create_task(self._repeat(job), name=job.name)
            while True:
                try:
                    await self._step()
                except Exception as error:
                    if is_outage(error):
                        waits_for_database(NAME)
                    else:
                        defect(NAME, error)
                        # No job may stand still because of one whose query fails.
                        self._plan(dict.fromkeys(self._jobs, self._clock()))
                await asyncio.sleep(SOON)

    async def _repeat(self, job: Job) -> None:
        while True:
            await job.woken()
            self._running.add(job)
            try:
                await job.run_once()
                due = await self._due(job)
            finally:
                self._running.discard(job)
                self._ended[job] = time.monotonic()
            if due is not None:
                self._plan({job: due})

    async def _due(self, job: Job) -> datetime | None:
        """Return when a job that has just run here is due again, as far as it is for this core to run it then."""
        now = self._clock()
        if job.due is None:
            return now if self._acts else None
        try:
            async with self._unit_of_work(read_only=True) as work:
                due = await work.session.scalar(job.due)
        except Exception as error:
            if not is_outage(error):
                defect(job.name, error)
            return now
        # What is due in a moment may have been stored by this core, and no other one knows of it yet.
        is_soon = due is not None and now < due <= now + timedelta(seconds=LOOK_INTERVAL)
        return due if self._acts or is_soon else None

    async def _step(self) -> None:
        now = time.monotonic()
        has_committed = self._unit_of_work.last_commit > self._looked
        acted, self._acts = self._acts, await self._lease.acts()
        if not self._acts:
            if acted:
                self._forget()
            if has_committed:
                self._looked = now
                self._notices.announce(NAME)
        elif self._is_changed or has_committed or now - self._looked >= LOOK_INTERVAL - SOON / 2:
            self._looked, self._is_changed = now, False
            dues = await self._look()
            self._forget()
            self._plan(dues)

    async def _look(self) -> Mapping[Job, datetime | None]:
        """Return when each job is due."""
        found: dict[Job, datetime | None] = {job: self._clock() for job in self._jobs if job.due is None}
        if self._statement is not None:
            async with self._unit_of_work(read_only=True) as work:
                connection = await work.session.connection()
                for place, due in await connection.execute(self._statement):
                    found[self._jobs[place]] = due
        return found

    def _plan(self, dues: Mapping[Job, datetime | None]) -> None:
        loop, now, monotonic = asyncio.get_running_loop(), self._clock(), time.monotonic()
        for job, due in dues.items():
            # One that runs is planned once it ended.
            if due is None or job in self._running:
                continue
            wait = max(0.0, (due - now).total_seconds())
            ended = self._ended.get(job)
            earliest = self._first.get(job, 0.0) if ended is None else ended + job.interval
            if job in self._timers:
                self._timers[job].cancel()
            self._timers[job] = loop.call_later(max(wait, earliest - monotonic), job.wake)

    def _something_changed(self) -> None:
        self._is_changed = True

    def _forget(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
