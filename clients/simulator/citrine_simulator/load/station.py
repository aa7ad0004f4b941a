"""One station of the load generator."""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

import orjson

from citrine_simulator.connection import Target
from citrine_simulator.errors import CallErrorReceivedError, CallInterruptedError, CallTimedOutError, NotConnectedError
from citrine_simulator.load.tally import Tally
from citrine_simulator.load.websocket import LeanSocket
from citrine_simulator.load.wording import Wording, Wording2
from citrine_simulator.v16.load import Wording16

__all__ = ["LoadStation"]

ANSWER_TIMEOUT = 60.0
"""Seconds to wait for the answer to :meth:`LoadStation.call`."""


class LoadStation:
    """A station that sends one Updated after the other, each when the previous one is answered."""

    def __init__(self, target: Target, token: str, tally: Tally) -> None:
        self.target = target
        self.tally = tally
        self.acknowledged = 0
        """Number of answered messages of its transaction."""
        self.done = asyncio.Event()
        """Set when it has stopped sending or has lost its connection."""
        self._wording: Wording = Wording16(token) if target.version == "1.6" else Wording2(token)
        self._socket: LeanSocket | None = None
        # The random prefix makes message ids unique across processes.
        self._ids = f"{random.getrandbits(48):012x}-".encode()
        self._number = 0
        self._running = False
        self._stopping = False
        self._sent_at = 0.0
        self._expected = b""
        self._waiting: asyncio.Future[list[Any]] | None = None

    async def connect(self) -> None:
        """Open the connection; raises the errors of :meth:`LeanSocket.connect`."""
        self._socket = await LeanSocket.connect(self.target, self)

    @property
    def transaction_id(self) -> str:
        """Id of its transaction; empty until the CSMS has given one (1.6)."""
        return self._wording.transaction_id

    @property
    def connected(self) -> bool:
        """Whether the connection is open."""
        return self._socket is not None and not self._socket.closed

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def call(self, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT. Must not be called after :meth:`run`, until it is done.

        Raises:
            CallFailedError: When there is no CALLRESULT.
        """
        if self._socket is None or self._socket.closed:
            raise NotConnectedError(action)
        self._waiting = asyncio.get_running_loop().create_future()
        self._number += 1
        message_id = (self._ids + b"%d" % self._number).decode()
        self._socket.send(orjson.dumps([2, message_id, action, payload]))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                frame = await self._waiting
        except TimeoutError:
            raise CallTimedOutError(action) from None
        except ConnectionResetError:
            raise CallInterruptedError(action) from None
        finally:
            self._waiting = None
        if frame[0] == 4:
            raise CallErrorReceivedError(action, frame[2], frame[3], frame[4])
        payload_of_result: dict[str, Any] = frame[2]
        return payload_of_result

    async def boot(self) -> str:
        """Send BootNotification and return the status; raises CallFailedError."""
        answer = await self.call(*self._wording.boot())
        return str(answer["status"])

    async def report_status(self, status: str) -> None:
        """Send a StatusNotification for the only connector; raises CallFailedError."""
        await self.call(*self._wording.status(status))

    async def start_transaction(self) -> None:
        """Start the transaction; raises CallFailedError."""
        self._wording.is_started(await self.call(*self._wording.started()))
        self.acknowledged += 1

    async def end_transaction(self) -> None:
        """End the transaction; raises CallFailedError."""
        await self.call(*self._wording.ended())
        self.acknowledged += 1

    def run(self) -> None:
        """Send the first Updated. From then on each answer triggers the next."""
        self._running = True
        self._send_updated()

    def stop(self) -> None:
        """Stop after the answer to the message in flight."""
        self._stopping = True

    def text_received(self, text: bytes) -> None:
        """Handle one message. The expected answer is recognised without parsing."""
        if self._running and text.startswith(self._expected):
            self._answered()
            return
        frame = orjson.loads(text)
        if frame[0] == 2:
            if self._socket is not None:
                self._socket.send(orjson.dumps([4, frame[1], "NotSupported", "", {}]))
        elif self._running:
            if frame[0] == 4:
                self.tally.errors[str(frame[2])] += 1
                self._next()
            else:
                # The JSON of the answer has whitespace.
                self._answered()
        elif self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(frame)

    def connection_closed(self) -> None:
        """Stop sending. A load station does not reconnect."""
        if self._running:
            self.tally.errors["connection lost"] += 1
        self._running = False
        self.done.set()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError())

    def _answered(self) -> None:
        self.acknowledged += 1
        if self.tally.counting:
            self.tally.latencies.append(time.perf_counter() - self._sent_at)
        self._next()

    def _next(self) -> None:
        if self._stopping:
            self._running = False
            self.done.set()
        else:
            self._send_updated()

    def _send_updated(self) -> None:
        if self._socket is None:
            return
        text = self._wording.updated(self._new_id())
        if self.tally.counting:
            self.tally.sent += 1
        self._sent_at = time.perf_counter()
        self._socket.send(text)

    def _new_id(self) -> bytes:
        """Return the id of the next message, and expect its answer."""
        self._number += 1
        message_id = self._ids + b"%d" % self._number
        self._expected = b'[3,"' + message_id
        return message_id

    def _send(self, action: str, payload: Mapping[str, Any]) -> None:
        """Send a CALL, and expect its answer."""
        if self._socket is not None:
            self._socket.send(orjson.dumps([2, self._new_id().decode(), action, payload]))
