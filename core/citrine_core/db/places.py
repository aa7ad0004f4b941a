"""Places: limits on the concurrent transactions of callers and of jobs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar

from citrine_core.errors import Overloaded

__all__ = ["Places", "in_background"]

_background: ContextVar[bool] = ContextVar("citrine_background", default=False)


class Places:
    """A limit on concurrent transactions; places are given in the order of requests.

    A task with a place must not request a second one.

    Args:
        most: Largest number of concurrent transactions.
        jobs: Additional places for jobs, which wait without a limit, so that callers can't starve them.
        waiting: Largest number of waiting callers.
        patience: Seconds that a caller waits.
    """

    def __init__(self, most: int, *, jobs: int, waiting: int, patience: float) -> None:
        self._callers = asyncio.Semaphore(most)
        self._jobs = asyncio.Semaphore(jobs)
        self._most_waiting = waiting
        self._patience = patience
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Occupy a place within a block.

        Raises:
            Overloaded: When too many wait, or no place became free in time. This is not an outage.
        """
        if _background.get():
            async with self._jobs:
                yield
            return
        await self._wait()
        try:
            yield
        finally:
            self._callers.release()

    async def _wait(self) -> None:
        if self._waiting >= self._most_waiting:
            raise Overloaded
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._callers.acquire()
        except TimeoutError:
            raise Overloaded from None
        finally:
            self._waiting -= 1


@contextlib.contextmanager
def in_background() -> Iterator[None]:
    """Make transactions that are opened in the block, or by tasks created in it, use the places of jobs."""
    token = _background.set(True)
    try:
        yield
    finally:
        _background.reset(token)
