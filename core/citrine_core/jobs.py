"""Jobs: periodic work of blocks, which can also be woken."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

from citrine_core.background import defect, is_outage, waits_for_database

__all__ = ["Job", "first_runs"]

FIRST_RUNS = 10.0
"""Seconds over which the first runs of all jobs of a starting core are spread."""


class Job:
    """Periodic work of a block.

    The transaction that causes the work stores it as due; the job queries what is due and does it. A crash therefore
    loses nothing, and every core may run the job: it claims rows by a conditional update, or its work is idempotent.

    Args:
        name: Name in logs, e.g. "reservations that expire".
        interval: Time from the end of a run to the next one, unless it is woken.
        run: Does everything that is due now. It returns False if nothing is due, now or later.
        idle_interval: Time to the next run if nothing is due, now or later. Whatever stores something due must wake the
            job of its core; other cores find it after this time. None: the interval.
        at_start: Whether a starting core runs it at once, because the service improves by it.
    """

    def __init__(
        self,
        name: str,
        interval: timedelta,
        run: Callable[[], Awaitable[bool | None]],
        *,
        idle_interval: timedelta | None = None,
        at_start: bool = False,
    ) -> None:
        self.name = name
        self.at_start = at_start
        self._interval = interval.total_seconds()
        self._idle_interval = (idle_interval or interval).total_seconds()
        self._run = run
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Run it as soon as possible, and once more if it is running. For use with `work.after_commit`."""
        self._woken.set()

    async def repeat(self, after: float = 0.0) -> None:
        """Run it, then again at the interval and when woken, until cancelled.

        Args:
            after: Seconds until the first run, unless it is woken before.
        """
        if after > 0:
            await self._pause(after)
        while True:
            self._woken.clear()
            interval = self._interval
            try:
                if await self._run() is False:
                    interval = self._idle_interval
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
            await self._pause(interval)

    def first_run(self, position: float) -> float:
        """Return the seconds from the start of a core to its first run.

        Args:
            position: Its position among all jobs, above 0 and up to 1.
        """
        return 0.0 if self.at_start else position * min(self._interval, FIRST_RUNS)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()


def first_runs(jobs: Sequence[Job]) -> Iterator[tuple[Job, float]]:
    """Yield each job of a core and the seconds from its start to the first run.

    If they all ran at once, each would need a connection to the database, just when stations reconnect.
    """
    for place, job in enumerate(jobs, 1):
        yield job, job.first_run(place / len(jobs))
