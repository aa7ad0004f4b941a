"""The connection of one gRPC stream on asyncio, around the protocol without I/O of ``http2``.

It has no task, no thread and one timer: a message costs one callback of the event loop in each direction.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Protocol, cast

from citrine_edge.http2 import UNAVAILABLE, GrpcStream, StreamEnded
from citrine_process.addresses import join_address

__all__ = ["StreamConnection", "StreamReceiver", "connect"]

PING_INTERVAL = 5.0
"""A core that was silent for so many seconds is pinged."""

PING_TIMEOUT = 4.0
"""Seconds that it has to answer, or to say anything else."""

CLOSE_TIMEOUT = 1.0
"""Seconds in which the cancellation of an rpc is written, before the connection is dropped."""


class StreamReceiver(Protocol):
    """Callbacks of a connection. They must neither block nor raise anything but StreamEnded."""

    def message(self, data: bytes) -> None:
        """Called with each message, in order.

        Raises:
            StreamEnded: To end the stream.
        """

    def writable(self) -> None:
        """Called when `is_writable` has become true again."""

    def ended(self, error: BaseException) -> None:
        """Called once, last: with StreamEnded, or with the error that a callback raised."""


class StreamConnection(asyncio.Protocol):
    """One TCP connection with one rpc on it."""

    def __init__(self, stream: GrpcStream, receiver: StreamReceiver, loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._receiver = receiver
        self._loop = loop
        self._transport: asyncio.Transport
        self._connected: asyncio.Future[None] = loop.create_future()
        self._metadata: asyncio.Future[dict[str, str]] = loop.create_future()
        self._writing_paused = False
        self._was_writable = True
        self._over = False
        self._heard = loop.time()
        self._pinged = False
        self._timer: asyncio.TimerHandle | None = None

    async def connected(self) -> None:
        """Return once the peer has shown that it speaks HTTP/2.

        Raises:
            StreamEnded: When the connection ends before.
        """
        await self._connected

    async def metadata(self) -> dict[str, str]:
        """Return the initial metadata of the peer, once it came.

        Raises:
            StreamEnded: When the rpc ends before.
        """
        return await asyncio.shield(self._metadata)

    @property
    def is_writable(self) -> bool:
        """Whether another message should be written now."""
        return not self._writing_paused and self._stream.can_send and not self._over

    def write(self, message: bytes) -> None:
        """Send a message. If `is_writable` is false behind it, `writable` is called once it is true again."""
        self._stream.send(message)
        self._flush()
        self._was_writable = self.is_writable

    def end(self) -> None:
        """Send nothing more. The peer ends the rpc then."""
        self._stream.end()
        self._flush()

    def cancel(self) -> None:
        """Cancel the rpc if it has not ended, and close the connection. No callback is called any more."""
        if self._over:
            return
        self._connected.cancel()
        self._metadata.cancel()
        self._stream.cancel()
        self._finish()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._flush()
        self._timer = self._loop.call_later(PING_INTERVAL, self._check_alive)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._pinged = False
        stream = self._stream
        try:
            for message in stream.receive(data):
                if self._over:
                    return
                self._receiver.message(message)
        except Exception as error:
            self._end(error)
            return
        if self._over:
            return
        self._flush()
        if stream.ended is not None:
            self._end(stream.ended)
            return
        if stream.is_connected and not self._connected.done():
            self._connected.set_result(None)
        if stream.headers is not None and not self._metadata.done():
            self._metadata.set_result(stream.headers)
        self._notify_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(StreamEnded(UNAVAILABLE, f"the connection was lost{f': {exc}' if exc else ''}"))

    def pause_writing(self) -> None:
        self._writing_paused = True
        self._was_writable = False

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._notify_writable()

    # Inside.

    def _flush(self) -> None:
        data = self._stream.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def _notify_writable(self) -> None:
        if not self._was_writable and self.is_writable:
            self._was_writable = True
            self._receiver.writable()

    def _check_alive(self) -> None:
        silent = self._loop.time() - self._heard
        pause = PING_TIMEOUT
        if silent < PING_INTERVAL:
            pause = PING_INTERVAL - silent
        elif self._pinged:
            self._end(StreamEnded(UNAVAILABLE, "no answer to a ping"))
            return
        else:
            self._pinged = True
            self._stream.ping()
            self._flush()
        self._timer = self._loop.call_later(pause, self._check_alive)

    def _end(self, error: BaseException) -> None:
        if self._over:
            return
        for future in (self._connected, self._metadata):
            if not future.done():
                future.set_exception(error)
                # Nobody may wait for it.
                future.exception()
        self._stream.cancel()
        self._finish()
        self._receiver.ended(error)

    def _finish(self) -> None:
        self._over = True
        self._flush()
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()
        # A peer that reads nothing would keep it open.
        self._loop.call_later(CLOSE_TIMEOUT, self._transport.abort)


async def connect(
    host: str, port: int, path: str, metadata: Sequence[tuple[str, str]], receiver: StreamReceiver
) -> StreamConnection:
    """Begin an rpc at an address; return once the peer has shown that it speaks HTTP/2.

    Raises:
        StreamEnded: When there is nobody, or the connection ends at once.
    """
    loop = asyncio.get_running_loop()
    stream = GrpcStream(path, join_address(host, port), metadata)
    try:
        _, connection = await loop.create_connection(lambda: StreamConnection(stream, receiver, loop), host, port)
    except OSError as error:
        raise StreamEnded(UNAVAILABLE, os.strerror(error.errno) if error.errno else str(error)) from error
    try:
        await connection.connected()
    except asyncio.CancelledError:
        connection.cancel()
        raise
    return connection
