"""A bare websocket that says what a test wants it to say, in OCPP-J frames."""

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.support.waiting import WAIT

__all__ = ["RawStation", "raw_station"]


class RawStation:
    """One open websocket. Frames are JSON values; what is not asked for is kept for later."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self._ids = count(1)
        self._kept: list[Any] = []

    async def send(self, frame: object) -> None:
        """Send a frame: bytes and text as they are, anything else as JSON."""
        await self.websocket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def receive(self) -> Any:
        """Return the next frame."""
        if self._kept:
            return self._kept.pop(0)
        async with asyncio.timeout(WAIT):
            return json.loads(await self.websocket.recv())

    async def ask(self, action: str, payload: dict[str, Any], message_id: str | None = None) -> Any:
        """Send a CALL and return the frame that answers it; other frames are kept."""
        message_id = message_id or str(next(self._ids))
        await self.send([2, message_id, action, payload])
        kept = []
        try:
            while True:
                frame = await self.receive()
                if frame[0] in (3, 4) and frame[1] == message_id:
                    return frame
                kept.append(frame)
        finally:
            self._kept.extend(kept)

    async def result(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT."""
        frame = await self.ask(action, payload)
        assert frame[0] == 3, frame
        answer: dict[str, Any] = frame[2]
        return answer

    async def boot(self) -> dict[str, Any]:
        """Send a BootNotification and return its answer."""
        if self.websocket.subprotocol == "ocpp1.6":
            return await self.result("BootNotification", {"chargePointVendor": "Example", "chargePointModel": "One"})
        station = {"model": "One", "vendorName": "Example", "serialNumber": "1"}
        return await self.result("BootNotification", {"reason": "PowerUp", "chargingStation": station})

    async def answer(self, payload: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Answer the next CALL of the CSMS, and return its action and payload."""
        while True:
            frame = await self.receive()
            if frame[0] == 2:
                await self.send([3, frame[1], payload])
                return frame[2], frame[3]


def basic(username: str, password: str) -> dict[str, str]:
    """Return the header of Basic authentication."""
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


@contextlib.asynccontextmanager
async def raw_station(
    url: str,
    station_id: str,
    password: str | None = None,
    version: str = "2.0.1",
    *,
    patient: bool = False,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[RawStation]:
    """Connect as a station to an edge's URL, which may be wss; a patient one tries again while it is answered 503."""
    headers = basic(station_id, password) if password is not None else {}
    async with asyncio.timeout(WAIT):
        websocket = await _connect(f"{url}/{station_id}", headers, version, patient, tls)
    async with websocket:
        yield RawStation(websocket)


async def _connect(
    url: str, headers: dict[str, str], version: str, patient: bool, tls: ssl.SSLContext | None
) -> ClientConnection:
    subprotocol: Any = f"ocpp{version}"
    while True:
        try:
            return await connect(
                url, subprotocols=[subprotocol], additional_headers=headers, ssl=tls, open_timeout=WAIT
            )
        except InvalidStatus as refused:
            if not patient or refused.response.status_code != 503:
                raise
            await asyncio.sleep(0.1)
