"""A CSMS as scripted as a test wants it, on a real websocket; it checks every payload against the official schemas."""

import asyncio
import contextlib
import http
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from citrine_simulator.schemas import Schemas
from tests.support.waiting import WAIT

__all__ = ["VERSIONS", "Csms", "Received", "csms_server"]

VERSIONS = ("1.6", "2.0.1", "2.1")


@dataclass(frozen=True, slots=True)
class Received:
    """A CALL of a station."""

    station_id: str
    message_id: str
    action: str
    payload: dict[str, Any]


Reply = dict[str, Any] | str | None
"""A payload, a whole frame as text, or nothing at all."""

Script = Callable[[Received], Reply | Awaitable[Reply]]


@dataclass
class Csms:
    """What the CSMS does, changed by tests, and what it has seen."""

    url: str = ""
    registration: str = "Accepted"
    interval: int = 300
    token_status: str = "Accepted"
    refuse: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Statuses and headers for the next handshakes, one each."""
    scripts: dict[str, Script] = field(default_factory=dict)
    calls: list[Received] = field(default_factory=list)
    headers: list[Headers] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    """Of every handshake, accepted or not."""
    problems: list[str] = field(default_factory=list)
    """What stations did against the protocol."""
    sockets: dict[str, ServerConnection] = field(default_factory=dict)
    strays: list[list[Any]] = field(default_factory=list)
    """What came and was no CALL and no answer to one of ours."""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _answers: dict[str, asyncio.Future[list[Any]]] = field(default_factory=dict)
    _numbers: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """transactionIds by what StartTransactions said."""
    _schemas: dict[str, Schemas] = field(default_factory=lambda: {v: Schemas(v) for v in VERSIONS})

    def of(self, action: str) -> list[dict[str, Any]]:
        """Return the payloads of every CALL of an action so far."""
        return [call.payload for call in self.calls if call.action == action]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what has arrived fulfils the condition."""
        async with asyncio.timeout(WAIT), self._changed:
            await self._changed.wait_for(condition)

    async def until_count(self, action: str, count: int) -> list[dict[str, Any]]:
        """Wait until so many CALLs of an action have come, and return their payloads."""
        await self.until(lambda: len(self.of(action)) >= count)
        return self.of(action)

    async def call(self, station_id: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a CALL and return the payload of the CALLRESULT, checked."""
        answer = await self.ask(station_id, json.dumps([2, str(uuid.uuid4()), action, payload]))
        assert answer[0] == 3, answer
        version = str(self.sockets[station_id].subprotocol).removeprefix("ocpp")
        assert self._schemas[version].check_response(action, answer[2]) is None, answer
        result: dict[str, Any] = answer[2]
        return result

    async def ask(self, station_id: str, text: str) -> list[Any]:
        """Send a CALL as text and return the frame that answers it."""
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._answers[json.loads(text)[1]] = future
        await self.sockets[station_id].send(text)
        async with asyncio.timeout(WAIT):
            return await future

    async def handle(self, socket: ServerConnection) -> None:
        """Serve one connection."""
        assert socket.request is not None
        station_id = socket.request.path.rsplit("/", 1)[-1]
        self.sockets[station_id] = socket
        replies: set[asyncio.Task[None]] = set()
        try:
            async for text in socket:
                received = await self._receive(station_id, socket, json.loads(text))
                if received is not None:
                    replies.add(asyncio.create_task(self._answer(socket, *received)))
        except ConnectionClosed:
            return
        finally:
            for reply in replies:
                reply.cancel()
            await asyncio.gather(*replies, return_exceptions=True)

    def check_handshake(self, _socket: ServerConnection, request: Request) -> Response | None:
        """Refuse the handshake where the script says so."""
        self.headers.append(request.headers)
        self.paths.append(request.path)
        if not self.refuse:
            return None
        status, headers = self.refuse.pop(0)
        return Response(status, http.HTTPStatus(status).phrase, Headers({**headers, "Connection": "close"}), b"")

    async def _receive(
        self, station_id: str, socket: ServerConnection, frame: list[Any]
    ) -> tuple[Received, Reply | Awaitable[Reply]] | None:
        if frame[0] != 2:
            future = self._answers.pop(frame[1], None)
            if future is None:
                self.strays.append(frame)
                await self._notify()
            elif not future.done():
                future.set_result(frame)
            return None
        call = Received(station_id, frame[1], frame[2], frame[3])
        self._check(call, socket)
        self.calls.append(call)
        # The script of now answers, whatever a test that has seen the call changes then.
        reply = self._reply(call)
        await self._notify()
        return call, reply

    async def _answer(self, socket: ServerConnection, call: Received, reply: Reply | Awaitable[Reply]) -> None:
        if not isinstance(reply, dict | str | None):
            reply = await reply
        if isinstance(reply, dict):
            reply = json.dumps([3, call.message_id, reply])
        if reply is not None:
            await socket.send(reply)

    def _number(self, call: Received) -> int:
        """Return the transactionId for a StartTransaction, the same for a repeated one."""
        start = (call.station_id, *(call.payload[name] for name in ("connectorId", "idTag", "timestamp", "meterStart")))
        return self._numbers.setdefault(start, 1001 + len(self._numbers))

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _check(self, call: Received, socket: ServerConnection) -> None:
        version = str(socket.subprotocol).removeprefix("ocpp")
        problem = self._schemas[version].check_request(call.action, call.payload)
        if problem is not None:
            self.problems.append(f"{call.action} {problem}")

    def _reply(self, call: Received) -> Reply | Awaitable[Reply]:
        if call.action in self.scripts:
            return self.scripts[call.action](call)
        now = datetime.now(UTC).isoformat()
        match call.action:
            case "BootNotification":
                return {"currentTime": now, "interval": self.interval, "status": self.registration}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize" | "StartTransaction" if "idTag" in call.payload:
                number = {"transactionId": self._number(call)} if call.action == "StartTransaction" else {}
                return {"idTagInfo": {"status": self.token_status}, **number}
            case "Authorize":
                return {"idTokenInfo": {"status": self.token_status}}
            case "TransactionEvent" if "idToken" in call.payload:
                return {"idTokenInfo": {"status": self.token_status}}
            case "DataTransfer":
                return {"status": "Accepted"}
        return {}


def _choose(_socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((one for one in offered if str(one).removeprefix("ocpp") in VERSIONS), None)


@contextlib.asynccontextmanager
async def csms_server(port: int = 0, csms: Csms | None = None) -> AsyncIterator[Csms]:
    """Run a CSMS on a free port, or again on the same one."""
    csms = csms or Csms()
    server = await serve(
        csms.handle,
        "127.0.0.1",
        port,
        select_subprotocol=_choose,
        process_request=csms.check_handshake,
        ping_interval=None,
        close_timeout=1,
    )
    csms.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield csms
    finally:
        server.close()
        await server.wait_closed()
