"""Background tasks, which run as long as the core does, and survive their own errors."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from prometheus_client import Counter

from citrine_core.errors import DatabaseUnavailable

__all__ = ["DEFECTS", "defect", "is_outage", "survive", "waits_for_database"]

logger = logging.getLogger(__name__)

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
