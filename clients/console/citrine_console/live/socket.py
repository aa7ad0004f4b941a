"""The websocket by which a page is told what changed on it: regions as JSON, each only if the browser has another."""

import asyncio
import json
from collections.abc import Mapping, Sequence

import grpc
from starlette.websockets import WebSocket, WebSocketDisconnect

from citrine_console.live.hub import Hub, RegionKey
from citrine_console.live.regions import Page, Shown
from citrine_console.sessions import Sessions
from citrine_console.visits import Visit

__all__ = ["LiveSocket"]

SEND_TIMEOUT = 20.0
"""Seconds after which a browser that takes nothing is given up."""

SIGN_OF_LIFE = 15.0
"""Seconds after which something is sent in any case, so that either side finds out that the other is gone."""

RECHECK = 15.0
"""Seconds after which it is read again what who looks may do: others with the same rights may read for them."""

CHANGED, LOGGED_OUT, GONE = 4400, 4401, 4404
"""Close codes of ours: load the page again; log in again; there is no such page."""


class LiveSocket:
    """One browser that shows one page. What changes faster than it is sent is sent once, as it is then."""

    def __init__(
        self, socket: WebSocket, visit: Visit, page: Page, known: Mapping[str, str], sessions: Sessions
    ) -> None:
        self._socket = socket
        self._visit = visit
        self._page = page
        self._sessions = sessions
        self._known = dict(known)
        self._waiting: dict[str, Shown] = {}
        self._reason: str | None = None
        self._is_still = False
        self._wake = asyncio.Event()

    def changed(self, shown: Shown) -> None:
        """Take a region as it is now."""
        self._waiting[shown.name] = shown
        self._wake.set()

    def feed_interrupted(self, reason: str) -> None:
        """Say that nothing is live now, and why; empty: it is again."""
        self._reason = reason
        self._wake.set()

    def has_no_events(self) -> None:
        """Say that the page is not live, because who looks may not follow events."""
        self._is_still = True
        self._wake.set()

    async def run(self, hub: Hub) -> None:
        """Send what changes until the browser leaves or its session ends."""
        keys = hub.watch(self._visit, self._page, self)
        tasks = [
            asyncio.create_task(self._send(), name="to a browser"),
            asyncio.create_task(self._receive(hub, keys), name="from a browser"),
            asyncio.create_task(self._logged_out(), name="until logged out"),
            asyncio.create_task(self._recheck(), name="whether it may still look"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hub.forget(self._visit, keys, self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            try:
                async with asyncio.timeout(SIGN_OF_LIFE):
                    await self._wake.wait()
            except TimeoutError:
                await self._write({"alive": True})
                continue
            self._wake.clear()
            if self._is_still:
                self._is_still = False
                await self._write({"still": True})
            if self._reason is not None:
                reason, self._reason = self._reason, None
                await self._write({"lost": reason})
            waiting, self._waiting = self._waiting, {}
            for name, shown in waiting.items():
                if self._known.get(name) != shown.digest:
                    self._known[name] = shown.digest
                    await self._write({"region": name, "digest": shown.digest, "html": shown.html})

    async def _write(self, message: Mapping[str, object]) -> None:
        async with asyncio.timeout(SEND_TIMEOUT):
            await self._socket.send_text(json.dumps(message, ensure_ascii=False))

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

    async def _logged_out(self) -> None:
        await self._visit.session.closed.wait()
        await self._socket.close(LOGGED_OUT)
