"""What blocks do by themselves: at an interval, and at once where something happened."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

from citrine_core.background import defect, is_outage, waits_for_database

__all__ = ["Job", "first_runs"]

FIRST_RUNS = 10.0
"""Seconds in which all jobs of a core that starts run for the first time."""


class Job:
    """One thing that a block does by itself, again and again.

    What is to be done is stored in the transaction that gives the reason; the job finds it there and does it. So a
    crash loses nothing, and each core may run the job: it takes rows by a conditional update, or does what has no
    second effect.

    Args:
        name: Shown in logs, e.g. "reservations that expire".
        interval: Time from one end to the next start, unless it is woken.
        run: Does all that is due now.
        at_start: Whether a core that starts runs it at once, since what it serves gets better by that.
    """

    def __init__(
        self, name: str, interval: timedelta, run: Callable[[], Awaitable[None]], *, at_start: bool = False
    ) -> None:
        self.name = name
        self.at_start = at_start
        self._interval = interval.total_seconds()
        self._run = run
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Have it run as soon as possible, and once more where it is under way. Meant for `work.after_commit`."""
        self._woken.set()

    async def repeat(self, after: float = 0.0) -> None:
        """Run it, then at the interval and where it is woken, until cancelled.

        Args:
            after: Seconds until the first run, unless it is woken before.
        """
        if after > 0:
            await self._pause(after)
        while True:
            self._woken.clear()
            try:
                await self._run()
            except Exception as error:
                if is_outage(error):
                    waits_for_database(self.name)
                else:
                    # A bug in one job must not end the others; it comes again at the interval.
                    defect(self.name, error)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # A driver that is cancelled in the middle of a statement may fail instead, and hide it.
                raise asyncio.CancelledError
            await self._pause(self._interval)

    def first_run(self, position: float) -> float:
        """Return the seconds from the start of a core to its first run.

        Args:
            position: Its place among all jobs, above 0 and up to 1.
        """
        return 0.0 if self.at_start else position * min(self._interval, FIRST_RUNS)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()


def first_runs(jobs: Sequence[Job]) -> Iterator[tuple[Job, float]]:
    """Yield each job of a core and the seconds from its start to the first run.

    All at once, they would want a connection to the database each, at the moment when stations come back.
    """
    for place, job in enumerate(jobs, 1):
        yield job, job.first_run(place / len(jobs))
