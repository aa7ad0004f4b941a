"""A clock that stands still until a test moves it."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.support.waiting import WAIT

__all__ = ["NOON", "ManualClock"]

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class ManualClock:
    """Starts at noon; whoever sleeps wakes when :meth:`advance` has come that far."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.slept: list[float] = []
        """How long each sleep was meant to be."""
        self._sleepers: list[tuple[float, float, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = (seconds, self.elapsed + seconds, future)
        self._sleepers.append(sleeper)
        self._changed.set()
        try:
            await future
        finally:
            self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.elapsed += seconds
        for _, due, future in self._sleepers:
            if due <= self.elapsed and not future.done():
                future.set_result(None)

    async def until_sleeping(self, seconds: float) -> None:
        """Wait until somebody sleeps for so many seconds."""
        async with asyncio.timeout(WAIT):
            while not any(abs(sleep - seconds) < 1e-6 and not future.done() for sleep, _, future in self._sleepers):
                self._changed.clear()
                await self._changed.wait()

    async def pass_by(self, seconds: float) -> None:
        """Wait until somebody sleeps for so many seconds, and let them pass."""
        await self.until_sleeping(seconds)
        self.advance(seconds)
