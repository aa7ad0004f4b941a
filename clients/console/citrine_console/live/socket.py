"""The websocket by which a page is told what changed on it: regions as JSON, each only if the browser has another.

A browser says `{"known": {region: digest}}` of what it shows; with "page" and "move", too, when it shows another query
of the page: how often it did. Regions have the number of the move after which they were read, so that a browser that
moved on since drops them. "refresh" says that it changed something.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

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

Find: TypeAlias = Callable[[str], tuple[Visit, Page] | None]

CHANGED, GONE = 4400, 4404
"""Close codes of ours: load the page again; there is no such page."""


class LiveSocket(SocketWriter):
    """One browser that shows one page. What changes faster than it is sent is sent once, as it is then.

    Args:
        socket: Its websocket.
        visit: Who looks at what.
        page: The page.
        known: What it shows, by region.
        sessions: Who is logged in.
        find: Returns what is at an address. None: nothing that who looks may see.
    """

    def __init__(
        self,
        socket: WebSocket,
        visit: Visit,
        page: Page,
        known: Mapping[str, str],
        sessions: Sessions,
        find: Find,
    ) -> None:
        super().__init__(socket, visit.session)
        self._visit = visit
        self._page = page
        self._sessions = sessions
        self._find = find
        self._known = dict(known)
        self._keys: Sequence[RegionKey] = ()
        self._waiting: dict[str, Shown] = {}
        self._move_number: object = 0
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
        self._keys = hub.watch(self._visit, self._page, self)
        try:
            await self.run_with((self._receive(hub), self._recheck()))
        finally:
            hub.forget(self._visit, self._keys, self)

    async def write_waiting(self) -> None:
        """Write the regions that changed."""
        if self._is_still:
            self._is_still = False
            await self.write({"still": True})
        for name in [*self._waiting]:
            # What waits is another while one is written, where the browser moves.
            shown = self._waiting.pop(name, None)
            if shown is not None and self._known.get(name) != shown.digest:
                self._known[name] = shown.digest
                said = {"region": name, "digest": shown.digest, "html": shown.html, "move": self._move_number}
                await self.write(said)

    async def _receive(self, hub: Hub) -> None:
        """Do what the browser says: all regions are read anew when it changed something, as not all has an event."""
        try:
            while True:
                text = await self._socket.receive_text()
                if text == "refresh":
                    hub.refresh(self._keys)
                elif not self._move(hub, text):
                    await self._socket.close(CHANGED)
                    return
        except WebSocketDisconnect:
            return

    def _move(self, hub: Hub, text: str) -> bool:
        """Follow the page with another query; return whether it is one of that page."""
        try:
            message = json.loads(text)
            found, known = self._find(message["page"]), dict(message["known"])
            number = message.get("move", 0)
        except (ValueError, KeyError, TypeError):
            return False
        before = self._visit
        if found is None or found[1] is not self._page or found[0].rights != before.rights:
            return False
        # What is current of the other query is said anew, and what is not was not asked for.
        self._waiting.clear()
        self._move_number, self._known, visit = number, known, found[0]
        self._visit, self._keys = visit, hub.move(before, self._keys, visit, self._page, self)
        return True

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
