"""What runs in the background for as long as the core does, and survives its own errors."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from prometheus_client import Counter

from citrine_core.errors import DatabaseUnavailable

__all__ = ["DEFECTS", "defect", "is_outage", "survive", "waits_for_database"]

logger = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
"""Seconds until a task that failed begins again; each pause is longer than the last."""

LONGEST_PAUSE = 60.0
"""Seconds until it begins again at most."""

QUIET_TIME = 120.0
"""Seconds without an error after which the first pause is the next one again, and what waits is said again."""

DEFECTS = Counter(
    "citrine_core_background_failures",
    "Errors of tasks in the background, which went on after them; each is a defect and stands in the log",
    ["task"],
    registry=None,
)
"""Of this process."""


class _Waiting:
    """When it was said last that tasks wait for the database: in an outage all do, again and again."""

    said = float("-inf")


def waits_for_database(task: str, **about: str) -> None:
    """Log that a task waits for the database, unless it was said a while ago of this one or another.

    Args:
        task: Its name.
        about: What else to log.
    """
    now = time.monotonic()
    is_news = now - _Waiting.said > QUIET_TIME
    if is_news:
        _Waiting.said = now
    level = logging.WARNING if is_news else logging.DEBUG
    logger.log(level, "what is done in the background waits for the database", extra={"task": task, **about})


def is_outage(error: BaseException) -> bool:
    """Return whether an error says that the database is not available, and nothing else; also one of several tasks."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_outage, error.exceptions))
    return isinstance(error, DatabaseUnavailable)


def defect(task: str, error: BaseException) -> None:
    """Log and count an error of a task in the background, which goes on after it.

    Args:
        task: Its name, one of a few.
        error: Which nobody reckoned with.
    """
    DEFECTS.labels(task).inc()
    logger.error("a task in the background failed, and goes on", extra={"task": task}, exc_info=error)


async def survive(task: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run something that ends only when it is cancelled, and again after each error of its own.

    Args:
        task: Its name.
        run: Begins anew each time.
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
