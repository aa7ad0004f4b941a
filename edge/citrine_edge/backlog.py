"""What all stations of the edge together have waiting, and who is read no further because of it."""

import asyncio
from collections.abc import Callable

__all__ = ["Backlog"]


class Backlog:
    """Counts the bytes of CALLs that were read and not answered yet, of all stations.

    Beyond the bound each station is stopped with the next message that it brings: nothing is dropped, and TCP holds
    back the rest. When enough is answered they are read on, one after the other, in the order in which they were
    stopped.
    """

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        self._limit = limit
        # Not at once, so that they are not stopped again with each message.
        self._low = limit * 3 // 4
        self._loop = loop
        self._stopped: dict[Callable[[], None], None] = {}
        self._waking = False
        self.size = 0
        """Bytes that wait now."""

    @property
    def stopped(self) -> int:
        """How many stations are not read because of it."""
        return len(self._stopped)

    def add(self, size: int) -> bool:
        """Count a message; return False where its station is to be stopped, by `stop`."""
        self.size += size
        return self.size <= self._limit

    def remove(self, size: int) -> None:
        """Count a message no more."""
        self.size -= size
        if self._stopped and not self._waking and self.size <= self._low:
            self._waking = True
            # Later, since whoever is read on may bring us here again, and they may be thousands.
            self._loop.call_soon(self._wake)

    def stop(self, read_on: Callable[[], None]) -> None:
        """Have a station called back when it may be read on."""
        self._stopped[read_on] = None

    def forget(self, read_on: Callable[[], None]) -> None:
        """Do not call back a station, which is gone."""
        self._stopped.pop(read_on, None)

    def _wake(self) -> None:
        self._waking = False
        while self._stopped and self.size <= self._low:
            read_on = next(iter(self._stopped))
            del self._stopped[read_on]
            read_on()
