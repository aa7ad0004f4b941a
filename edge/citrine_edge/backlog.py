"""Backpressure by the CALLs of all stations together that were read and not answered."""

import asyncio
from collections.abc import Callable

__all__ = ["Backlog"]


class Backlog:
    """Counts the bytes of CALLs, of all stations, that were read and not answered yet.

    Above the limit, each station that sends another CALL is no longer read. Nothing is dropped: TCP applies
    backpressure. Once enough is answered, reading resumes station by station, in the order in which they were stopped.
    """

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        self._limit = limit
        # Well below the limit, so that stations are not stopped again by their next message.
        self._low = limit * 3 // 4
        self._loop = loop
        self._stopped: dict[Callable[[], None], None] = {}
        self._waking = False
        self.size = 0
        """Bytes that are read and not answered."""

    @property
    def stopped(self) -> int:
        """How many stations are not read because of the limit."""
        return len(self._stopped)

    def add(self, size: int) -> bool:
        """Add the bytes of a message; return False if the caller must call `stop`."""
        self.size += size
        return self.size <= self._limit

    def remove(self, size: int) -> None:
        """Subtract the bytes of a message that is answered."""
        self.size -= size
        if self._stopped and not self._waking and self.size <= self._low:
            self._waking = True
            # Not from here: a station that is read again may call this method, and there may be thousands.
            self._loop.call_soon(self._wake)

    def stop(self, read_on: Callable[[], None]) -> None:
        """Register the callback of a stopped station, which is called once when it may be read again."""
        self._stopped[read_on] = None

    def forget(self, read_on: Callable[[], None]) -> None:
        """Drop the callback of a station that is gone."""
        self._stopped.pop(read_on, None)

    def _wake(self) -> None:
        self._waking = False
        while self._stopped and self.size <= self._low:
            read_on = next(iter(self._stopped))
            del self._stopped[read_on]
            read_on()
