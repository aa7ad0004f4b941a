"""One websocket to the CSMS: the handshake, one CALL in flight, and answers to the CSMS's CALLs."""

import asyncio
import base64
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from citrine_simulator import frames
from citrine_simulator.clock import Clock, within
from citrine_simulator.errors import (
    AnswerInvalidError,
    CallErrorReceivedError,
    CallInterruptedError,
    CallRefusedError,
    CallTimedOutError,
    HandshakeRefusedError,
    NotConnectedError,
)
from citrine_simulator.schemas import Schemas
from citrine_simulator.tap import Tap

__all__ = ["NO_ANSWER", "Answer", "AnswerCall", "Connection", "Spawn", "Target", "open_socket", "retry_after"]

logger = logging.getLogger(__name__)

OPEN_TIMEOUT = 30.0
"""Seconds to wait for the answer to the opening handshake."""

CLOSE_TIMEOUT = 2.0
"""Seconds to wait for the answer to the closing handshake."""

MAX_FRAME = 4 * 1024 * 1024
"""Longest received message, in bytes."""

ANSWERS_AT_ONCE = 16
"""Most CALLs of the CSMS that are handled concurrently. Above it, nothing is read from the socket."""


@dataclass(frozen=True, slots=True)
class Target:
    """The endpoint to connect to, and the station's identity."""

    url: str
    station_id: str
    version: str
    password: str | None
    compression: bool = False
    ping_interval: float | None = None
    """Seconds between websocket pings; None: no pings."""

    tls: ssl.SSLContext | None = None
    """For wss: trusted authorities and the station's certificate; None: the system's authorities, no certificate."""

    @property
    def subprotocol(self) -> Subprotocol:
        """The offered Sec-WebSocket-Protocol."""
        return Subprotocol(f"ocpp{self.version}")


@dataclass(frozen=True, slots=True)
class Answer:
    """The CALLRESULT to a CALL of the CSMS, and ``then``, which runs after it was sent (F06.FR.04)."""

    payload: Mapping[str, Any]
    then: Callable[[], Awaitable[None]] | None = None


NO_ANSWER = Answer({})
"""Returned by handlers that leave a CALL unanswered."""

AnswerCall = Callable[[str, dict[str, Any]], Awaitable[Answer]]
"""Answers a CALL by action and payload; raises CallRefusedError for a CALLERROR."""

Spawn = Callable[[Coroutine[Any, Any, None]], None]
"""Runs a coroutine as a task, which is cancelled when the station is switched off."""


class Connection:
    """An open connection.

    Messages are only received while :meth:`run` is running.
    """

    def __init__(
        self,
        socket: ClientConnection,
        version: str,
        answer: AnswerCall,
        spawn: Spawn,
        clock: Clock,
        schemas: Schemas,
        tap: Tap,
    ) -> None:
        self._socket = socket
        self._version = version
        self._answer = answer
        self._spawn = spawn
        self._clock = clock
        self._schemas = schemas
        self._tap = tap
        self._counts = tap.counts
        self._call_lock = asyncio.Lock()
        self._waiting: tuple[str, asyncio.Future[frames.CallResult | frames.CallError]] | None = None
        self._slots = asyncio.Semaphore(ANSWERS_AT_ONCE)
        self.last_sent = clock.monotonic()
        """Time of the last sent CALL, by the monotonic clock."""

    async def call(
        self,
        action: str,
        payload: Mapping[str, Any],
        message_id: str,
        timeout: float,
        sent: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Send a CALL after the previous one is finished, and return the payload of its CALLRESULT.

        Args:
            action: OCPP name of the message, without ``Request``.
            payload: Its JSON object.
            message_id: A message id that was not used before.
            timeout: Seconds to wait for the answer, counted from sending.
            sent: Called when the message was written to the socket.

        Raises:
            NotConnectedError: When the socket was closed before the message was sent.
            CallFailedError: When there is no valid CALLRESULT; the subclass tells the cause.
        """
        async with self._call_lock:
            begun = self._clock.monotonic()
            future: asyncio.Future[frames.CallResult | frames.CallError] = asyncio.Future()
            self._waiting = (message_id, future)
            try:
                await self._send_call(frames.encode_call(message_id, action, payload), action)
                if sent is not None:
                    sent()
                result = await within(self._clock, timeout, future)
            except TimeoutError:
                self._tap.called(action, "timeout")
                raise CallTimedOutError(action) from None
            except ConnectionClosed:
                self._tap.called(action, "lost")
                raise CallInterruptedError(action) from None
            finally:
                self._waiting = None
                if future.done() and not future.cancelled():
                    future.exception()
        seconds = self._clock.monotonic() - begun
        if isinstance(result, frames.CallError):
            self._tap.called(action, result.code, seconds, result.description)
            raise CallErrorReceivedError(action, result.code, result.description, result.details)
        await self._check_result(action, result, seconds)
        self._tap.called(action, "accepted", seconds)
        return result.payload

    async def send_raw(self, text: str) -> None:
        """Send any text, without checks; raises ConnectionClosed."""
        await self._socket.send(text)

    async def run(self) -> None:
        """Receive until the socket is closed, then fail the waiting call."""
        try:
            while True:
                await self._receive(await self._socket.recv())
        except ConnectionClosed as closed:
            if self._waiting is not None and not self._waiting[1].done():
                self._waiting[1].set_exception(closed)
            logger.debug("connection closed", extra={"close_code": self._socket.close_code})

    async def close(self) -> None:
        """Close with a closing handshake."""
        await self._socket.close()

    def drop(self) -> None:
        """Abort the TCP connection without a close frame (close code 1006)."""
        self._socket.transport.abort()

    async def _send_call(self, text: str, action: str) -> None:
        try:
            await self._tap.send(self._socket, text)
        except ConnectionClosed:
            raise NotConnectedError(action) from None
        self.last_sent = self._clock.monotonic()

    async def _check_result(self, action: str, result: frames.CallResult, seconds: float) -> None:
        if action not in self._schemas.actions:
            return
        problem = self._schemas.check_response(action, result.payload)
        if problem is None:
            return
        self._counts["invalid_answers"] += 1
        self._tap.called(action, "invalid", seconds, str(problem))
        if self._version == "2.1":
            await self._reply(frames.encode_result_error(result.message_id, problem.code, str(problem)))
        raise AnswerInvalidError(action, str(problem))

    async def _receive(self, text: str | bytes) -> None:
        frame = frames.decode(text, self._version)
        match frame:
            case frames.Call():
                await self._slots.acquire()
                self._spawn(self._answer_call(frame))
            case frames.CallResult() | frames.CallError():
                if self._waiting is None or self._waiting[0] != frame.message_id or self._waiting[1].done():
                    # The answer is late or unsolicited.
                    self._counts["stray_answers"] += 1
                else:
                    self._waiting[1].set_result(frame)
            case frames.CallResultError():
                self._counts["result_errors"] += 1
                logger.warning("the CSMS refused an answer", extra={"code": frame.code})
            case frames.Malformed():
                self._counts["malformed_frames"] += 1
                await self._reply(frames.encode_error(frame.message_id, frame.code, frame.problem))
            case frames.Ignored():
                self._counts["ignored_frames"] += 1

    async def _answer_call(self, call: frames.Call) -> None:
        answer = NO_ANSWER
        try:
            if await self._tap.before_answer(call.action):
                answer = await self._answer(call.action, call.payload)
        except CallRefusedError as refused:
            code = frames.error_code(refused.code, self._version)
            self._tap.answered(call.action, code, refused.description)
            await self._reply(frames.encode_error(call.message_id, code, refused.description, refused.details))
            return
        finally:
            self._slots.release()
        self._tap.answered(call.action, "unanswered" if answer is NO_ANSWER else "answered")
        if answer is NO_ANSWER:
            return
        await self._reply(frames.encode_result(call.message_id, answer.payload))
        if answer.then is not None:
            await answer.then()

    async def _reply(self, text: str) -> None:
        try:
            await self._tap.send(self._socket, text)
        except ConnectionClosed:
            logger.debug("answer not sent: the connection is closed")


async def open_socket(target: Target) -> ClientConnection:
    """Connect and do the opening handshake.

    Raises:
        HandshakeRefusedError: When the CSMS does not accept the handshake or the subprotocol.
        OSError: When the CSMS can't be reached.
        TimeoutError: When the CSMS does not answer within OPEN_TIMEOUT.
    """
    headers = {}
    if target.password is not None:
        credentials = base64.b64encode(f"{target.station_id}:{target.password}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    try:
        socket = await connect(
            target.url,
            subprotocols=[target.subprotocol],
            additional_headers=headers,
            compression="deflate" if target.compression else None,
            user_agent_header=None,
            proxy=None,
            open_timeout=OPEN_TIMEOUT,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=target.ping_interval,
            ping_timeout=target.ping_interval,
            max_size=MAX_FRAME,
            ssl=target.tls,
        )
    except InvalidStatus as refused:
        status = refused.response.status_code
        phrase = refused.response.reason_phrase
        wait = retry_after(refused.response.headers.get("Retry-After"))
        raise HandshakeRefusedError(status, phrase, wait) from None
    except InvalidHandshake as broken:
        raise HandshakeRefusedError(0, f"({broken})") from None
    except EOFError as broken:
        raise ConnectionResetError("the connection was closed during the handshake") from broken
    if socket.subprotocol is None:
        # By this the CSMS says that it does not support the offered version (part 4, 3.2).
        await socket.close()
        raise HandshakeRefusedError(HTTPStatus.SWITCHING_PROTOCOLS, "without a subprotocol")
    return socket


def retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header; None if it is missing, a date or malformed."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else None
