"""Frames of watched stations, passed from edges to watchers."""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from typing import Protocol

from citrine.edge.v1.link_pb2 import ObservedFrame, Watching
from citrine_core.errors import Stopping

__all__ = ["ForeignFrame", "FrameHub", "FrameWatch", "OnEdges", "OnWatch", "WatchedEdge"]

logger = logging.getLogger(__name__)

MAX_WAITING = 1000
"""Frames that may wait for a slow watcher; above that the oldest are dropped."""

OnWatch = Callable[[str, str, bool], None]
"""`on_watch(tenant_id, station_id, on)` makes all edges start or stop reporting a station's frames."""

OnEdges = Callable[[], Collection[str]]
"""`on_edges()` returns the ids of the edges that are linked now."""

ForeignFrame = Callable[[str, str, str, str], None]
"""`foreign(edge_id, "observed", tenant_id, station_id)` records that an edge reported a frame of a session that it does
not hold."""

CONFIRM_TIMEOUT = 2.0
"""Seconds to wait for edges to confirm that they report the frames of a station."""

StationKey = tuple[str, str]


class WatchedEdge(Protocol):
    """An edge that is linked."""

    def watch(self, tenant_id: str, station_id: str, on: bool) -> None:
        """Have it start or stop to report the frames of a station."""
        ...


class FrameWatch:
    """The frames of some stations, for one watcher."""

    def __init__(self, stations: Collection[StationKey]) -> None:
        self.stations = frozenset(stations)
        self._waiting: deque[tuple[str, ObservedFrame]] = deque(maxlen=MAX_WAITING)
        self._filled = asyncio.Event()
        self._missed = 0
        self._stopping = False

    def put(self, edge_id: str, frame: ObservedFrame) -> None:
        """Queue a frame of an edge; drop the oldest one if too many wait."""
        if len(self._waiting) == MAX_WAITING:
            self._missed += 1
            if self._missed == 1:
                logger.warning("a watcher is too slow and misses frames", extra={"waiting": MAX_WAITING})
        self._waiting.append((edge_id, frame))
        self._filled.set()

    def stop(self) -> None:
        """Make the watcher end its stream."""
        self._stopping = True
        self._filled.set()

    async def frames(self) -> AsyncIterator[tuple[str, ObservedFrame]]:
        """Yield frames and the ids of the edges that reported them, as they arrive, until closed.

        Raises:
            Stopping: When the process stops.
        """
        while True:
            await self._filled.wait()
            while self._waiting:
                yield self._waiting.popleft()
            if self._stopping:
                raise Stopping
            self._filled.clear()


class FrameHub:
    """Tracks who watches which stations. Edges report frames of watched stations only.

    Args:
        on_watch: Called at the first watcher of a station and after its last one.
        on_edges: Returns the edges that are linked now.
        foreign: Called by watchers with frames of edges that do not hold the session.
    """

    def __init__(self, on_watch: OnWatch, on_edges: OnEdges, foreign: ForeignFrame = lambda *frame: None) -> None:
        self.foreign = foreign
        """Called by watchers with frames of edges that do not hold the session."""
        self._on_watch = on_watch
        self._on_edges = on_edges
        self._watches: set[FrameWatch] = set()
        self._watchers: Counter[StationKey] = Counter()
        self._confirmed: dict[StationKey, set[str]] = {}
        self._confirmation = asyncio.Event()
        self._stopping = False

    def edge_linked(self, edge: WatchedEdge) -> None:
        """Make an edge whose link is new report the frames of watched stations."""
        for key in self._watchers:
            edge.watch(*key, True)

    def publish(self, edge_id: str, frame: ObservedFrame) -> None:
        """Pass a frame of an edge to the watchers of its station."""
        key = (frame.session.tenant_id, frame.session.station_id)
        if key in self._watchers:
            for watch in self._watches:
                if key in watch.stations:
                    watch.put(edge_id, frame)

    def confirm(self, edge_id: str, watching: Watching) -> None:
        """Record that an edge reports the frames of a station from now on."""
        key = (watching.tenant_id, watching.station_id)
        # A confirmation for watchers that are gone is void: the edge may stop before the next watcher comes.
        if key in self._watchers:
            self._confirmed.setdefault(key, set()).add(edge_id)
            self._confirmation.set()

    async def confirmed(self, watch: FrameWatch) -> None:
        """Wait until every edge reports the frames of the watched stations, at most for CONFIRM_TIMEOUT."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                while any(set(self._on_edges()) - self._confirmed.get(key, set()) for key in watch.stations):
                    self._confirmation.clear()
                    await self._confirmation.wait()

    @contextlib.contextmanager
    def watch(self, tenant_id: str, station_ids: Collection[str]) -> Iterator[FrameWatch]:
        """Watch stations of a tenant within a block.

        Raises:
            Stopping: When the process stops.
        """
        if self._stopping:
            raise Stopping
        watch = FrameWatch([(tenant_id, station_id) for station_id in station_ids])
        self._watches.add(watch)
        for key in watch.stations:
            self._watchers[key] += 1
            if self._watchers[key] == 1:
                self._on_watch(*key, True)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            for key in watch.stations:
                self._watchers[key] -= 1
                if not self._watchers[key]:
                    del self._watchers[key]
                    self._confirmed.pop(key, None)
                    self._on_watch(*key, False)

    def stop(self) -> None:
        """End all watches, and refuse new ones: the process stops."""
        self._stopping = True
        for watch in self._watches:
            watch.stop()
