"""Regions that somebody looks at: each is read once for all who see the same, and sent to them where it changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any, Protocol, TypeAlias

import grpc

from citrine.events.v1.events_pb2 import Event
from citrine_console.errors import LoggedOut
from citrine_console.live.feed import Feed, Feeds
from citrine_console.live.regions import Page, Region, Shown
from citrine_console.sessions import Session
from citrine_console.visits import Visit

__all__ = ["Hub", "RegionKey", "Show", "Watcher"]

logger = logging.getLogger(__name__)

RegionKey: TypeAlias = tuple[object, ...]
"""What tells apart regions that may show different things."""

PAUSE_FACTOR = 4.0
"""How many times as long as a reading lasts nothing of its region is read."""

LONGEST_PAUSE = 10.0
"""Most seconds of that."""

SHORTEST_PAUSE = 0.3
"""Seconds until a reading that failed is tried again, at least."""

WITHOUT_EVENTS = 15.0
"""Seconds after which a region is read again for those who may not follow events, or whose reading was denied."""

LINGER = 10.0
"""Seconds for which what a page was made of, once it is read, is ready for its browser, which follows it then."""

Show: TypeAlias = Callable[[Visit, Page, Region], Coroutine[Any, Any, Shown]]
"""Reads a region and renders it. What fails is shown as failed; only LoggedOut is raised."""

LogOut: TypeAlias = Callable[[Session], Awaitable[None]]
"""Ends a session whose credential the core does not know any more."""


class Watcher(Protocol):
    """A browser that shows a page."""

    def changed(self, shown: Shown) -> None:
        """Take a region as it is now. It may be one that the browser has already."""

    def feed_interrupted(self, reason: str) -> None:
        """Say that nothing is live now, and why; empty: it is again."""

    def has_no_events(self) -> None:
        """Say that the page is not live, because who looks may not follow events."""


class _LiveRegion:
    """One region of one page, for all who see the same of it."""

    def __init__(
        self, visit: Visit, page: Page, region: Region, show: Show, log_out: LogOut, feed: Feed | None
    ) -> None:
        self.kinds: Collection[str] = region.kinds
        self.watchers: dict[Watcher, Visit] = {}
        self._visit = visit
        self._page = page
        self._region = region
        self._show = show
        self._log_out = log_out
        self._feed = feed
        self._stale = asyncio.Event()
        self._stale.set()
        self.expected = 0
        """How many browsers were given the page, and may follow it soon."""
        self._begun = 0.0
        self._shown: Shown | None = None
        self._task: asyncio.Task[None] | None = None
        self._readings: set[asyncio.Task[Shown]] = set()
        if feed is not None:
            feed.listen(self)

    @property
    def is_used(self) -> bool:
        return bool(self.watchers) or self.expected > 0

    def stop(self) -> None:
        if self._feed is not None:
            self._feed.forget(self)
        for task in (self._task, *self._readings):
            if task is not None:
                task.cancel()

    def add(self, watcher: Watcher, visit: Visit) -> None:
        self.watchers[watcher] = visit
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"region {self._region.name}")
        if self._shown is not None and not self._stale.is_set():
            watcher.changed(self._shown)
        if self._feed is not None and self._feed.interruption:
            watcher.feed_interrupted(self._feed.interruption)

    def remove(self, watcher: Watcher) -> None:
        self.watchers.pop(watcher, None)
        if not self.watchers and self._task is not None:
            self._task.cancel()
            self._task = None
            self._stale.set()

    def read(self, visit: Visit) -> asyncio.Task[Shown]:
        """Read it for a page. Who follows it is sent the same."""
        reading = asyncio.create_task(self._read_for(visit), name=f"region {self._region.name} of a page")
        self._readings.add(reading)
        reading.add_done_callback(self._was_read)
        return reading

    async def _read_for(self, visit: Visit) -> Shown:
        is_followed = self._feed is None or await self._feed.begun()
        begun = asyncio.get_running_loop().time()
        if is_followed:
            self._stale.clear()
        try:
            shown = await self._show(visit, self._page, self._region)
        except BaseException:
            self._stale.set()
            raise
        if shown.error is not None:
            self._stale.set()
        self._adopt(shown, begun)
        return shown

    def _was_read(self, reading: asyncio.Task[Shown]) -> None:
        self._readings.discard(reading)
        # Nobody may wait for it any more.
        if not reading.cancelled():
            reading.exception()

    def _adopt(self, shown: Shown, begun: float) -> None:
        if begun < self._begun:
            return
        self._begun, self._shown = begun, shown
        for watcher in [*self.watchers]:
            watcher.changed(shown)

    def happened(self, event: Event) -> None:
        if not self._stale.is_set() and self._region.concerns(self._visit, event):
            self._stale.set()

    def feed_changed(self) -> None:
        assert self._feed is not None
        for watcher in self.watchers:
            watcher.feed_interrupted(self._feed.interruption)
        if not self._feed.interruption:
            self._stale.set()

    def refresh(self) -> None:
        self._stale.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wait()
            self._stale.clear()
            begun = loop.time()
            # By the session of somebody who looks, whose rights are still those: others see what it reads.
            self._visit = next((one for one in self.watchers.values() if _may_read(one)), self._visit)
            shown = await self._read()
            if shown is None:
                self._stale.set()
                await asyncio.sleep(max(self._region.pause, SHORTEST_PAUSE))
                continue
            seconds = loop.time() - begun
            self._adopt(shown, begun)
            # What takes long to read is read less often, so that no console keeps a core busy.
            await asyncio.sleep(max(self._region.pause, min(seconds * PAUSE_FACTOR, LONGEST_PAUSE)))

    async def _read(self) -> Shown | None:
        """Return the region as it is now, or None if it has to be read again, by another session perhaps."""
        visit = self._visit
        # A log-out closes the channel, and what is under way on it is cancelled: so it is a task of its own.
        reading = asyncio.create_task(self._show(visit, self._page, self._region), name="reading of a region")
        try:
            await asyncio.wait({reading})
            return reading.result()
        except asyncio.CancelledError:
            if not reading.cancelled():
                reading.cancel()
                raise
        except LoggedOut:
            # Its sockets close, and another one reads.
            await self._log_out(visit.session)
        except Exception:
            # A bug of one region: it is tried again.
            logger.exception("a region failed", extra={"path": visit.path, "region": self._region.name})
            await asyncio.sleep(LONGEST_PAUSE)
        return None

    def _is_denied(self) -> bool:
        error = None if self._shown is None else self._shown.error
        return error is not None and error.code() is grpc.StatusCode.PERMISSION_DENIED

    async def _wait(self) -> None:
        every = self._region.every if self._feed is not None else WITHOUT_EVENTS
        if every and self._is_denied():
            # Who lost the right is sent away within that time; another one, who has it still, reads then.
            every = max(every, WITHOUT_EVENTS)
        try:
            async with asyncio.timeout(every or None):
                await self._stale.wait()
        except TimeoutError:
            pass


def _may_read(visit: Visit) -> bool:
    return visit.session.rights == visit.rights and not visit.session.closed.is_set()


class Hub:
    """All regions that somebody looks at.

    Args:
        feeds: The events by rights.
        show: Reads and renders a region.
        log_out: Ends a session.
    """

    def __init__(self, feeds: Feeds, show: Show, log_out: LogOut) -> None:
        self._feeds = feeds
        self._show = show
        self._log_out = log_out
        self._live: dict[RegionKey, _LiveRegion] = {}
        self._expected: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[Shown]] = set()

    def read(self, visit: Visit, page: Page, regions: Sequence[Region]) -> dict[str, asyncio.Task[Shown]]:
        """Begin to read regions for a page, by name. Its browser is sent what changes from then on."""
        feed = self._open_feed(visit)
        live = {region.name: self._find(visit, page, region, feed) for region in regions if region.is_live}
        for _key, one in live.values():
            one.expected += 1
        readings = {
            region.name: live[region.name][1].read(visit) if region.is_live else self._read_once(visit, page, region)
            for region in regions
        }
        expected = asyncio.create_task(self._expect(visit, [*live.values()], [*readings.values()]), name="page")
        self._expected.add(expected)
        expected.add_done_callback(self._expected.discard)
        return readings

    async def _expect(
        self, visit: Visit, live: Sequence[tuple[RegionKey, _LiveRegion]], readings: Sequence[asyncio.Task[Shown]]
    ) -> None:
        """Have regions ready for the browser of a page: its page is made once they are read."""
        if readings:
            await asyncio.wait(readings)
        await asyncio.sleep(LINGER)
        for key, one in live:
            one.expected -= 1
            self._drop_unused(key)
        self._close_feed(visit)

    def _read_once(self, visit: Visit, page: Page, region: Region) -> asyncio.Task[Shown]:
        reading = asyncio.create_task(self._show(visit, page, region), name=f"region {region.name} of a page")
        self._others.add(reading)
        reading.add_done_callback(self._others.discard)
        return reading

    def _find(self, visit: Visit, page: Page, region: Region, feed: Feed | None) -> tuple[RegionKey, _LiveRegion]:
        personal = visit.session.id if region.is_personal else ""
        key = (*visit.key(region.query), page.path, region.name, personal)
        live = self._live.get(key)
        if live is None:
            live = self._live[key] = _LiveRegion(visit, page, region, self._show, self._log_out, feed)
        return key, live

    def _drop_unused(self, key: RegionKey) -> None:
        live = self._live.get(key)
        if live is not None and not live.is_used:
            live.stop()
            del self._live[key]

    def _open_feed(self, visit: Visit) -> Feed | None:
        return self._feeds.open(visit.session, visit.rights) if visit.may("Subscribe") else None

    def _close_feed(self, visit: Visit) -> None:
        if visit.may("Subscribe"):
            self._feeds.close(visit.session, visit.rights)

    def watch(self, visit: Visit, page: Page, watcher: Watcher) -> list[RegionKey]:
        """Have a browser sent what changes of a page. Return what `move` and `forget` need."""
        feed = self._open_feed(visit)
        if feed is None:
            watcher.has_no_events()
        keys = []
        for region in page.regions:
            if region.is_live and (not region.needs or visit.may(*region.needs)):
                key, live = self._find(visit, page, region, feed)
                live.add(watcher, visit)
                keys.append(key)
        return keys

    def move(
        self, before: Visit, keys: Collection[RegionKey], visit: Visit, page: Page, watcher: Watcher
    ) -> list[RegionKey]:
        """Have a browser sent what changes of a page with another query: what does not depend on it just goes on."""
        found = self.watch(visit, page, watcher)
        self.forget(before, [key for key in keys if key not in found], watcher)
        return found

    def forget(self, visit: Visit, keys: Collection[RegionKey], watcher: Watcher) -> None:
        """Send a browser nothing any more."""
        for key in keys:
            if key in self._live:
                self._live[key].remove(watcher)
                self._drop_unused(key)
        self._close_feed(visit)

    def refresh(self, keys: Collection[RegionKey]) -> None:
        """Read regions again, although no event says that they changed."""
        for key in keys:
            live = self._live.get(key)
            if live is not None:
                live.refresh()

    def stop(self) -> None:
        """End all of them."""
        for expected in self._expected:
            expected.cancel()
        for live in self._live.values():
            live.stop()
        self._live.clear()
