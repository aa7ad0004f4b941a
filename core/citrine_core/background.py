"""Background tasks, which run as long as the core does, and survive their own errors."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from datetime import timedelta
from typing import Generic, ParamSpec, TypeVar

from prometheus_client import Counter

from citrine_core.errors import DatabaseUnavailable

__all__ = ["DEFECTS", "Apart", "defect", "is_outage", "survive", "waits_for_database"]

logger = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)
Given = ParamSpec("Given")

FIRST_PAUSE = 1.0
"""First pause, in seconds, before a failed task is restarted; the pauses grow."""

LONGEST_PAUSE = 60.0
"""Longest pause, in seconds."""

QUIET_TIME = 120.0
"""Seconds without an error after which the pauses start over, and a wait for the database is logged again."""

DEFECTS = Counter(
    "citrine_core_background_failures",
    "Errors of tasks in the background, which went on after them; each is a defect and stands in the log",
    ["task"],
    registry=None,
)
"""Of this process."""


class _Waiting:
    """When a wait for the database was last logged: in an outage all tasks wait, again and again."""

    said = float("-inf")


def waits_for_database(task: str, **about: str) -> None:
    """Log that a task waits for the database, unless that was logged recently for any task.

    Args:
        task: Its name.
        about: Further fields of the line.
    """
    now = time.monotonic()
    is_news = now - _Waiting.said > QUIET_TIME
    if is_news:
        _Waiting.said = now
    level = logging.WARNING if is_news else logging.DEBUG
    logger.log(level, "what is done in the background waits for the database", extra={"task": task, **about})


def is_outage(error: BaseException) -> bool:
    """Return whether an error is only about an unavailable database; groups of errors included."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_outage, error.exceptions))
    return isinstance(error, DatabaseUnavailable)


def defect(task: str, error: BaseException) -> None:
    """Log and count a bug in a background task, which continues.

    Args:
        task: Its name, one of a few.
        error: The unexpected error.
    """
    DEFECTS.labels(task).inc()
    logger.error("a task in the background failed, and goes on", extra={"task": task}, exc_info=error)


class Apart(Generic[Key]):
    """Keeps the objects of a job apart: an error about one ends nothing of the others, and it is tried again later.

    The error is logged and counted. An object that fails again and again is tried after pauses that grow, on each core
    by itself. An outage of the database is about all of them, and is raised.

    Args:
        task: Name of the job.
        now: A monotonic clock, in seconds.
    """

    def __init__(self, task: str, now: Callable[[], float] = time.monotonic) -> None:
        self._task = task
        self._now = now
        self._failed: dict[Key, tuple[float, float]] = {}
        """When each object that failed may be tried again, and the pause that is over by then."""

    def may_be_tried(self, key: Key) -> bool:
        """Return whether no pause of an object is under way."""
        return key not in self._failed or self._failed[key][0] <= self._now()

    def pause_of(self, key: Key) -> timedelta:
        """Return how long an object may not be tried yet. What is due should be due again then, or it keeps others."""
        until = self._failed[key][0] if key in self._failed else 0.0
        return timedelta(seconds=max(until - self._now(), 0.0))

    @contextlib.contextmanager
    def trying(self, key: Key) -> Iterator[None]:
        """Have an error of a block be one of an object, and of no other.

        Raises:
            DatabaseUnavailable: As the block does.
        """
        try:
            yield
        except DatabaseUnavailable:
            raise
        except Exception as error:
            error.add_note(f"it is about {key}")
            defect(self._task, error)
            now = self._now()
            # Those that were not tried for long are gone.
            self._failed = {key: one for key, one in self._failed.items() if now - one[0] < LONGEST_PAUSE}
            pause = min(2 * self._failed[key][1], LONGEST_PAUSE) if key in self._failed else FIRST_PAUSE
            self._failed[key] = (now + pause, pause)
        else:
            self._failed.pop(key, None)

    async def run(
        self, key: Key, trial: Callable[Given, Awaitable[object]], *args: Given.args, **kwargs: Given.kwargs
    ) -> None:
        """Do something about an object, as `trying` does. For tasks of a group, which an error would end.

        Raises:
            DatabaseUnavailable: As it does.
        """
        with self.trying(key):
            await trial(*args, **kwargs)

    async def run_together(self, keys: Sequence[Key], trial: Callable[[Sequence[Key]], Awaitable[object]]) -> list[Key]:
        """Do something about many objects at once, and return those about which it failed.

        Where it fails it is done about the halves, until what fails is about one object. So it must have no effect
        where it fails, as a transaction of the database has none.

        Raises:
            DatabaseUnavailable: As it does.
        """
        parts = [keys] if keys else []
        while parts:
            part = parts.pop()
            if len(part) == 1:
                await self.run(part[0], trial, part)
                continue
            try:
                await trial(part)
            except DatabaseUnavailable:
                raise
            except Exception as error:
                logger.warning(
                    "what is done about many objects failed, and is done about halves of them",
                    extra={"task": self._task, "error": repr(error)},
                )
                parts += [part[len(part) // 2 :], part[: len(part) // 2]]
        return [key for key in keys if not self.may_be_tried(key)]


async def survive(task: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run a task until it is cancelled, and restart it after each error.

    Args:
        task: Its name.
        run: Starts the task.
    """
    loop = asyncio.get_running_loop()
    pause = FIRST_PAUSE
    while True:
        began = loop.time()
        try:
            await run()
        except Exception as error:
            if is_outage(error):
                waits_for_database(task)
            else:
                defect(task, error)
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            # A driver that is cancelled in the middle of a statement may fail instead, and hide it.
            raise asyncio.CancelledError
        if loop.time() - began > QUIET_TIME:
            pause = FIRST_PAUSE
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
