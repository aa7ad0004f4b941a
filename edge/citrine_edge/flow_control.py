"""Whether a station is read on."""

import asyncio

from citrine_edge.backlog import Backlog
from citrine_edge.inbox import Inbox
from citrine_edge.rates import TokenBucket
from citrine_edge.transport import Transport

__all__ = ["FlowControl"]

RATE_BURST = 2.0
"""Seconds of its frame rate that a station may send at once."""


class FlowControl:
    """Stops a station that is too fast or has too much waiting, or while all stations together have too much waiting.

    Whoever counts something here may find messages brought before `resume` returns.
    """

    __slots__ = ("_backlog", "_crowded", "_inbox", "_loop", "_max_inbound", "_paused", "_rate", "_slowed", "_transport")

    def __init__(
        self,
        transport: Transport,
        inbox: Inbox,
        backlog: Backlog,
        loop: asyncio.AbstractEventLoop,
        *,
        frame_rate: float,
        max_inbound: int,
    ) -> None:
        self._transport = transport
        self._inbox = inbox
        self._backlog = backlog
        self._loop = loop
        self._max_inbound = max_inbound
        self._rate = TokenBucket(frame_rate, frame_rate * RATE_BURST, loop.time())
        self._slowed = False
        self._crowded = False
        self._paused = False

    def message_came(self) -> bool:
        """Count a message; return True where the station is too fast from now on, and read on when its rate allows."""
        delay = self._rate.acquire(self._loop.time())
        if not delay or self._slowed:
            return False
        self._slowed = True
        self._pause()
        self._loop.call_later(delay, self._speed_up)
        return True

    def call_waits(self, size: int) -> None:
        """Count a CALL that was put into the inbox; where that is too much, the station is read no further."""
        if not self._backlog.add(size):
            self._crowded = True
            self._backlog.stop(self._read_on)
            self._pause()
        if self._inbox.flight is not None and len(self._inbox) >= self._max_inbound:
            self._pause()

    def call_ended(self, size: int) -> None:
        """Count a CALL no more: it is answered, or refused."""
        self._backlog.remove(size)

    def resume(self) -> None:
        """Read on, unless something still speaks against it. What was read before is taken in at once."""
        if self._paused and not self._slowed and not self._crowded and len(self._inbox) < self._max_inbound:
            self._paused = False
            self._transport.resume()

    def end(self) -> None:
        """Count nothing of this station any more: its session is over."""
        self._backlog.remove(self._inbox.size)
        self._backlog.forget(self._read_on)

    def _pause(self) -> None:
        self._paused = True
        self._transport.pause()

    def _read_on(self) -> None:
        self._crowded = False
        self.resume()

    def _speed_up(self) -> None:
        # Some more may have been read before reading stopped.
        delay = self._rate.delay(self._loop.time())
        if delay:
            self._loop.call_later(delay, self._speed_up)
        else:
            self._slowed = False
            self.resume()
