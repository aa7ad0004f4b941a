"""What blocks do by themselves: at an interval, and at once where something happened."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from citrine_core.background import defect, is_outage, waits_for_database

__all__ = ["Job"]


class Job:
    """One thing that a block does by itself, again and again.

    What is to be done is stored in the transaction that gives the reason; the job finds it there and does it. So a
    crash loses nothing, and each core may run the job: it takes rows by a conditional update, or does what has no
    second effect.

    Args:
        name: Shown in logs, e.g. "reservations that expire".
        interval: Time from one end to the next start, unless it is woken.
        run: Does all that is due now.
    """

    def __init__(self, name: str, interval: timedelta, run: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._interval = interval.total_seconds()
        self._run = run
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Have it run as soon as possible, and once more where it is under way. Meant for `work.after_commit`."""
        self._woken.set()

    async def repeat(self) -> None:
        """Run it at once, then at the interval and where it is woken, until cancelled."""
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
            try:
                async with asyncio.timeout(self._interval):
                    await self._woken.wait()
            except TimeoutError:
                continue
