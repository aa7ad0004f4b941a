"""The websocket by which a page is told what changed on it: regions as JSON, each only if the browser has another."""

import asyncio
from collections.abc import Mapping, Sequence

import grpc
from starlette.websockets import WebSocket, WebSocketDisconnect

from citrine_console.live.hub import Hub, RegionKey
from citrine_console.live.regions import Page, Shown
from citrine_console.live.writer import LOGGED_OUT, SocketWriter
from citrine_console.sessions import Sessions
from citrine_console.visits import Visit

__all__ = ["LiveSocket"]

RECHECK = 15.0
"""Seconds after which it is read again what who looks may do: others with the same rights may read for them."""

CHANGED, GONE = 4400, 4404
"""Close codes of ours: load the page again; there is no such page."""


class LiveSocket(SocketWriter):
    """One browser that shows one page. What changes faster than it is sent is sent once, as it is then."""

    def __init__(
        self, socket: WebSocket, visit: Visit, page: Page, known: Mapping[str, str], sessions: Sessions
    ) -> None:
        super().__init__(socket, visit.session)
        self._visit = visit
        self._page = page
        self._sessions = sessions
        self._known = dict(known)
        self._waiting: dict[str, Shown] = {}
        self._is_still = False

    def changed(self, shown: Shown) -> None:
        """Take a region as it is now."""
        self._waiting[shown.name] = shown
        self._wake.set()

    def has_no_events(self) -> None:
        """Say that the page is not live, because who looks may not follow events."""
        self._is_still = True
        self._wake.set()

    async def run(self, hub: Hub) -> None:
        """Send what changes until the browser leaves or its session ends."""
        keys = hub.watch(self._visit, self._page, self)
        try:
            await self.run_with((self._receive(hub, keys), self._recheck()))
        finally:
            hub.forget(self._visit, keys, self)

    async def write_waiting(self) -> None:
        """Write the regions that changed."""
        if self._is_still:
            self._is_still = False
            await self.write({"still": True})
        waiting, self._waiting = self._waiting, {}
        for name, shown in waiting.items():
            if self._known.get(name) != shown.digest:
                self._known[name] = shown.digest
                await self.write({"region": name, "digest": shown.digest, "html": shown.html})

    async def _receive(self, hub: Hub, keys: Sequence[RegionKey]) -> None:
        """Read all regions anew when the browser says that it changed something: not all that changes has an event."""
        try:
            while True:
                await self._socket.receive_text()
                hub.refresh(keys)
        except WebSocketDisconnect:
            return

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK)
            try:
                await self._sessions.refresh(self._visit.session)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                    await self._sessions.log_out(self._visit.session)
                    await self._socket.close(LOGGED_OUT)
                    return
                continue
            if self._visit.session.rights != self._visit.rights:
                await self._socket.close(CHANGED)
                return
