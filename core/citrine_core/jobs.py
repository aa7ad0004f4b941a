"""Jobs: periodic work of blocks, which can also be woken."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

from citrine_core.background import defect, is_outage, waits_for_database
from citrine_core.db import Due

__all__ = ["Job", "first_runs"]

FIRST_RUNS = 10.0
"""Seconds over which the first runs of all jobs of a starting core are spread."""


class Job:
    """Periodic work of a block.

    The transaction that causes the work stores it as due; the job queries what is due and does it. A crash therefore
    loses nothing, and every core may run the job: it claims rows by a conditional update, or its work is idempotent.

    A **shared** job does work that is stored. The agenda runs it when it is due, on one of the cores that have it;
    besides that, a core runs it when something wakes it there. Any other job does work of its own core (what it has in
    memory), on each core.

    Args:
        name: Name in logs, e.g. "reservations that expire".
        interval: Time from the end of a run to the next one, unless it is woken. Of a job with `due` the shortest one.
        run: Does everything that is due now. It returns False if nothing is due, now or later.
        due: When the job has something to do. It is shared.
        is_shared: Whether it is shared; with `due` it always is. Without `due` the agenda runs it at the interval.
        idle_interval: Time to the next run if nothing is due, now or later. Whatever causes work must wake or rouse the
            job. None: the interval.
        at_start: Whether a starting core runs it at once, because the service improves by it.
    """

    def __init__(
        self,
        name: str,
        interval: timedelta,
        run: Callable[[], Awaitable[bool | None]],
        *,
        due: Due | None = None,
        is_shared: bool = False,
        idle_interval: timedelta | None = None,
        at_start: bool = False,
    ) -> None:
        self.name = name
        self.due = due
        self.is_shared = is_shared or due is not None
        self.at_start = at_start
        self.interval = interval.total_seconds()
        self._idle_interval = (idle_interval or interval).total_seconds()
        self._run = run
        self._woken = asyncio.Event()
        self._roused = asyncio.Event()

    def wake(self) -> None:
        """Run it as soon as possible, and once more if it is running. For use with `work.after_commit`."""
        self._woken.set()
        self._roused.set()

    def rouse(self) -> None:
        """Run it at the interval again: it has something to do that is not urgent."""
        self._roused.set()

    async def woken(self) -> None:
        """Wait until something wakes it."""
        await self._woken.wait()

    async def run_once(self) -> bool:
        """Run it; return False if nothing is due, now or later. An error of a run is logged, and ends nothing."""
        self._woken.clear()
        self._roused.clear()
        found: bool | None = None
        try:
            found = await self._run()
        except Exception as error:
            if is_outage(error):
                waits_for_database(self.name)
            else:
                # A bug in one job must not end the others. It runs again at the interval.
                defect(self.name, error)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # A driver that is cancelled in the middle of a statement may fail instead, and hide it.
            raise asyncio.CancelledError
        return found is not False

    async def repeat(self, after: float = 0.0) -> None:
        """Run it, then again at the interval and when woken, until cancelled.

        Args:
            after: Seconds until the first run, unless it is woken before.
        """
        if after > 0:
            await _is_set_within(after, self._woken)
        while True:
            is_idle = not await self.run_once()
            if not await _is_set_within(self.interval, self._woken) and is_idle:
                await _is_set_within(self._idle_interval - self.interval, self._roused)

    def first_run(self, position: float) -> float:
        """Return the seconds from the start of a core to its first run.

        Args:
            position: Its position among all jobs, above 0 and up to 1.
        """
        return 0.0 if self.at_start else position * min(self.interval, FIRST_RUNS)


async def _is_set_within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event, for so many seconds at most; return whether it is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def first_runs(jobs: Sequence[Job]) -> Iterator[tuple[Job, float]]:
    """Yield each job of a core and the seconds from its start to the first run.

    If they all ran at once, each would need a connection to the database, just when stations reconnect.
    """
    for place, job in enumerate(jobs, 1):
        yield job, job.first_run(place / len(jobs))
