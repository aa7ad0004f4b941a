"""Flow control: when a station's connection is read, and when it is paused."""

import asyncio

from citrine_edge.backlog import Share
from citrine_edge.inbox import Inbox
from citrine_edge.transport import Transport
from citrine_process.token_bucket import TokenBucket

__all__ = ["FlowControl"]

RATE_BURST = 2.0
"""Seconds of its frame rate that a station may send at once."""


class FlowControl:
    """Pauses a station that exceeds its frame rate or its queue, or while too much waits of all and of its tenant.

    `resume` may deliver messages to the session before it returns.
    """

    __slots__ = ("_crowded", "_inbox", "_loop", "_max_inbound", "_paused", "_rate", "_share", "_slowed", "_transport")

    def __init__(
        self,
        transport: Transport,
        inbox: Inbox,
        share: Share,
        loop: asyncio.AbstractEventLoop,
        *,
        frame_rate: float,
        max_inbound: int,
    ) -> None:
        self._transport = transport
        self._inbox = inbox
        self._share = share
        self._loop = loop
        self._max_inbound = max_inbound
        self._rate = TokenBucket(frame_rate, frame_rate * RATE_BURST, loop.time())
        self._slowed = False
        self._crowded = False
        self._paused = False

    def message_came(self) -> bool:
        """Count a message; return True if the station became too fast by it. It is read again when its rate allows."""
        delay = self._rate.acquire(self._loop.time())
        if not delay or self._slowed:
            return False
        self._slowed = True
        self._pause()
        self._loop.call_later(delay, self._speed_up)
        return True

    def call_waits(self, size: int) -> None:
        """Count a CALL that was put into the inbox, and pause the station if that is too much."""
        if not self._share.add(size):
            self._crowded = True
            self._share.stop(self._read_on)
            self._pause()
        if self._inbox.flight is not None and len(self._inbox) >= self._max_inbound:
            self._pause()

    def call_ended(self, size: int) -> None:
        """Subtract a CALL that is answered or refused."""
        self._share.remove(size)

    def resume(self) -> None:
        """Resume reading, unless a limit still forbids it. Messages that were read before are delivered at once."""
        if self._paused and not self._slowed and not self._crowded and len(self._inbox) < self._max_inbound:
            self._paused = False
            self._transport.resume()

    def end(self) -> None:
        """Subtract everything of this station: its session is over."""
        self._share.remove(self._inbox.size)
        self._share.forget(self._read_on)

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
