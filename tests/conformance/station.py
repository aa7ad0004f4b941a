"""A station played by a conformance case: it says what the case says, and checks all that it is told."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from itertools import count
from typing import Any, TypeVar

import jsonschema_rs
import orjson

from tests.support.raw_station import RawStation, raw_station

__all__ = ["ConformanceStation", "now", "played_station"]

ResultT = TypeVar("ResultT")

IDLE_TIME = 0.3
"""Seconds that a case listens where it wants to hear nothing."""


@cache
def _schema(name: str, version: str) -> jsonschema_rs.Validator:
    """Return the official schema of a version, e.g. of "ResetRequest"."""
    folder, file = ("v16", name.removesuffix("Request")) if version == "1.6" else ("v201", name)
    text = (resources.files("ocpp") / folder / "schemas" / f"{file}.json").read_bytes()
    return jsonschema_rs.validator_for(orjson.loads(text.removeprefix(b"\xef\xbb\xbf")))


def check(name: str, payload: dict[str, Any], version: str = "2.0.1") -> None:
    """Fail where a payload breaks the official schema of a version."""
    found = _schema(name, version).iter_errors(payload)
    problems = [f"{list(error.instance_path)}: {error.message}" for error in found]
    assert not problems, f"{name} breaks the schema: {problems}"


def now() -> str:
    """Return the time now as a station writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass
class ConformanceStation:
    """One station with its open websocket, and what a case has to remember of it.

    Every payload that comes from Citrine, and every one that the case sends, is checked against the schema.
    """

    station_id: str
    raw: RawStation
    password: str
    """For Basic authentication. Empty: none."""
    url: str
    evse_id: int = 1
    connector_id: int = 1
    id_token: dict[str, Any] = field(default_factory=dict)
    """The valid token of the case, as `idToken` of OCPP."""
    transaction_id: str = ""
    """Of the transaction that states began last. Empty: none."""
    seq_no: int = 0
    """Of the next transaction event."""
    states: set[str] = field(default_factory=set)
    """Reusable states that hold (see states.py)."""
    tls: ssl.SSLContext | None = None
    """For wss: whom it trusts, and its certificate."""
    version: str = "2.0.1"
    """Of OCPP, that it speaks."""
    numbers: Any = field(default_factory=lambda: count(1))
    websockets: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    """Closes what is open when the case ends."""

    async def connect(self) -> None:
        """Open a websocket; an open one is closed first, as where a case loses its connection and is back."""
        await self.websockets.aclose()
        self.raw = await self.websockets.enter_async_context(
            raw_station(self.url, self.station_id, self.password or None, self.version, patient=True, tls=self.tls)
        )
        # Once that is answered, the core knows of the websocket and may send by it.
        await self.raw.ask("Heartbeat", {})

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a CALL, and return the payload of its CALLRESULT."""
        check(f"{action}Request", payload, self.version)
        result = await self.raw.result(action, payload)
        check(f"{action}Response", result, self.version)
        return result

    async def refused(self, action: str, payload: dict[str, Any]) -> str:
        """Send a CALL, and return the error code of its CALLERROR."""
        frame = await self.raw.ask(action, payload)
        assert frame[0] == 4, frame
        code: str = frame[2]
        return code

    async def asked(
        self, action: str, answer: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        """Wait for a CALL of Citrine, which must be of this action; answer it and return its payload.

        Args:
            action: What Citrine must send.
            answer: Payload of the CALLRESULT, or a function that makes it from the payload of the CALL.
        """
        while True:
            frame = await self.raw.receive()
            if frame[0] == 2:
                break
        assert frame[2] == action, frame
        check(f"{action}Request", frame[3], self.version)
        reply = answer(frame[3]) if callable(answer) else answer
        check(f"{action}Response", reply, self.version)
        await self.raw.send([3, frame[1], reply])
        payload: dict[str, Any] = frame[3]
        return payload

    async def asked_by(
        self,
        rpc: Awaitable[ResultT],
        action: str,
        answer: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]],
    ) -> tuple[dict[str, Any], ResultT]:
        """Do the manual action: make a call of the API, answer the CALL that follows from it.

        Args:
            rpc: The call of the API.
            action: What Citrine must send.
            answer: Payload of the CALLRESULT, or a function that makes it from the payload of the CALL.

        Returns:
            The payload that Citrine sent, and what the call of the API returned.
        """
        running = asyncio.ensure_future(rpc)
        receiving = asyncio.ensure_future(self.asked(action, answer))
        try:
            # A call that is refused never reaches the station: its error is what the case wants to see.
            await asyncio.wait([running, receiving], return_when=asyncio.FIRST_EXCEPTION)
            for task in (running, receiving):
                if task.done() and task.exception() is not None:
                    await task
            return await receiving, await running
        finally:
            for task in (running, receiving):
                task.cancel()

    async def asked_by_one_of(
        self, rpc: Awaitable[Any], answers: Mapping[str, dict[str, Any] | None]
    ) -> dict[str, Any]:
        """Do the manual action, and answer what follows from it until it is done; return the last payload.

        Args:
            rpc: The call of the API.
            answers: Payload of the CALLRESULT by action; None: the station does not know the action.
        """
        running = asyncio.ensure_future(rpc)
        payload: dict[str, Any] = {}
        while not running.done():
            receiving = asyncio.ensure_future(self.raw.receive())
            await asyncio.wait([running, receiving], return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                receiving.cancel()
                await asyncio.wait([receiving])
                break
            frame = receiving.result()
            check(f"{frame[2]}Request", frame[3], self.version)
            answer, payload = answers[frame[2]], frame[3]
            unknown = [4, frame[1], "NotImplemented", "", {}]
            await self.raw.send(unknown if answer is None else [3, frame[1], answer])
        await running
        return payload

    async def silent(self) -> None:
        """Fail where Citrine sends a CALL now: it has answered one after what it might have sent."""
        await self.call("Heartbeat", {})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_TIME):
                frame = await self.raw.receive()
                raise AssertionError(f"Citrine sent {frame}")


@contextlib.asynccontextmanager
async def played_station(
    url: str, station_id: str, password: str, tls: ssl.SSLContext | None = None, version: str = "2.0.1"
) -> AsyncIterator[ConformanceStation]:
    """Connect a station over a version of OCPP for the time of a block."""
    async with contextlib.AsyncExitStack() as websockets:
        raw = await websockets.enter_async_context(raw_station(url, station_id, password or None, version, tls=tls))
        yield ConformanceStation(station_id, raw, password, url, tls=tls, version=version, websockets=websockets)
