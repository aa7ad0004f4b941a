"""The websocket that shows the OCPP frames of a station as they pass. Nothing is kept: it ends with its page."""

import asyncio
from collections import deque
from collections.abc import Mapping

import grpc
from starlette.websockets import WebSocket, WebSocketDisconnect

from citrine.events.v1.events_service_pb2 import WatchMessagesRequest, WatchMessagesResponse
from citrine_console.errors import problem_of
from citrine_console.formats import iso
from citrine_console.live.writer import LOGGED_OUT, SocketWriter
from citrine_console.sessions import Session
from citrine_sdk import Backoff

__all__ = ["FramesSocket"]

MOST_WAITING = 1000
"""Frames that wait for a browser; of more the oldest are dropped, and their number is said."""

TOGETHER = 0.1
"""Seconds whose frames are sent together."""


class FramesSocket(SocketWriter):
    """One browser that shows the frames of one station."""

    def __init__(self, socket: WebSocket, session: Session, station_id: str) -> None:
        super().__init__(socket, session)
        self._station_id = station_id
        self._waiting: deque[Mapping[str, object]] = deque()
        self._dropped = 0

    async def run(self) -> None:
        """Send frames until the browser leaves or its session ends."""
        await self.run_with((self._watch(), self._receive()))

    async def _watch(self) -> None:
        backoff = Backoff(first=0.3, longest=3.0)
        failures = 0
        request = WatchMessagesRequest(station_ids=[self._station_id])
        while True:
            try:
                async for message in self._session.citrine.events.WatchMessages(request):
                    failures = 0
                    self._passed(message)
            except grpc.aio.AioRpcError as error:
                self.feed_interrupted(problem_of(error).text or error.code().name)
                if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
                    await self._socket.close(LOGGED_OUT)
                    return
            failures += 1
            await backoff.sleep(backoff.seconds(failures))

    def _passed(self, message: WatchMessagesResponse) -> None:
        if not message.frame:
            # The first one: frames are seen from now on.
            self.feed_interrupted("")
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(
            {
                "time": iso(message.time),
                "from": "station" if message.from_station else "csms",
                "epoch": message.epoch,
                "frame": message.frame,
            }
        )
        self._wake.set()

    async def write_waiting(self) -> None:
        """Write the frames that passed."""
        if self._waiting:
            frames, dropped = [*self._waiting], self._dropped
            self._waiting.clear()
            self._dropped = 0
            await self.write({"frames": frames, "dropped": dropped})
        await asyncio.sleep(TOGETHER)

    async def _receive(self) -> None:
        # Browsers say nothing here; reading is how their leaving is found out.
        try:
            while True:
                await self._socket.receive_text()
        except WebSocketDisconnect:
            return
