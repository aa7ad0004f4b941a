"""The links of this core, each with a queue that is written in batches."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator

from citrine.edge.v1.link_pb2 import (
    CoreDraining,
    Disconnect,
    Downstream,
    LinkResponse,
    Serving,
    SessionRef,
    Watch,
)
from citrine_core.rpc.edge_peer import UNNAMED, EdgePeer

__all__ = ["Link", "LinkRegistry"]

logger = logging.getLogger(__name__)

MAX_BATCH = 256
"""Largest number of items in one batch to an edge."""

MAX_WAITING = 100_000
"""Items that may wait for an edge. An edge that does not read them counts as dead."""


class Link:
    """The core's end of one edge's stream.

    `send` may be called from anywhere on the event loop, and never blocks. One task dequeues by `batch` and writes; a
    dequeued item is not requeued if the write fails. Items that are sent after the end are dropped: the edge resends
    its calls over another link.
    """

    def __init__(
        self,
        edge_id: str,
        software_version: str,
        public_url: str = "",
        command_ids: frozenset[str] | None = None,
        peer: EdgePeer = UNNAMED,
    ) -> None:
        self.edge_id = edge_id
        self.peer = peer
        """The edge as it identified itself; several processes, each with an id of its own, may be one edge."""
        self.command_ids = command_ids
        """Ids of commands that were under way on the edge when it linked. None: the edge did not send them."""
        self.batches = 0
        """Number of batches dequeued so far."""
        self.software_version = software_version
        self.public_url = public_url
        """URL by which stations reach the edge. Empty: the edge did not send it."""
        self.draining = False
        """True when the edge is about to stop."""
        self.ended = asyncio.Event()
        """Set when the stream is to end."""
        self._waiting: deque[Downstream] = deque()
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()

    def send(self, item: Downstream) -> None:
        """Queue an item for the next batch."""
        self._waiting.append(item)
        self._filled.set()
        self._idle.clear()
        if len(self._waiting) > MAX_WAITING:
            logger.error("an edge does not read, its link ends", extra={"edge_id": self.edge_id})
            self._waiting.clear()
            self.ended.set()

    def watch(self, tenant_id: str, station_id: str, on: bool) -> None:
        """Make the edge start or stop reporting the frames of a station."""
        self.send(Downstream(watch=Watch(tenant_id=tenant_id, station_id=station_id, on=on)))

    async def batch(self) -> LinkResponse:
        """Wait for items, and dequeue one batch."""
        waiting = self._waiting
        if not waiting:
            # The writer asks for the next batch, so everything dequeued before is written.
            self._idle.set()
            self._filled.clear()
            await self._filled.wait()
        self.batches += 1
        return LinkResponse(items=[waiting.popleft() for _ in range(min(MAX_BATCH, len(waiting)))])

    @property
    def queued(self) -> int:
        """How many items wait to be written."""
        return len(self._waiting)

    def unsent_commands(self) -> frozenset[str]:
        """Return the ids of the commands that wait to be written."""
        return frozenset(item.command.id for item in self._waiting if item.WhichOneof("item") == "command")

    async def written(self) -> None:
        """Wait until all queued items are written."""
        await self._idle.wait()


class LinkRegistry:
    """The links of this core, by edge."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}
        self._gone = asyncio.Event()
        self._gone.set()

    def __iter__(self) -> Iterator[Link]:
        return iter(tuple(self._links.values()))

    def __len__(self) -> int:
        return len(self._links)

    def add(self, link: Link) -> None:
        """Add a link. An older link of the same edge ends, because the edge reconnected."""
        older = self._links.get(link.edge_id)
        if older is not None:
            older.ended.set()
        self._links[link.edge_id] = link
        self._gone.clear()

    def remove(self, link: Link) -> None:
        """Remove a link, unless a newer link of its edge replaced it."""
        if self._links.get(link.edge_id) is link:
            del self._links[link.edge_id]
        if not self._links:
            self._gone.set()

    async def gone(self) -> None:
        """Wait until there is no link."""
        await self._gone.wait()

    def public_urls(self) -> list[str]:
        """Return the distinct public URLs of edges that do not drain, sorted."""
        return sorted({link.public_url for link in self if link.public_url and not link.draining})

    def get(self, edge_id: str) -> Link | None:
        """Return the link to an edge, or None where there is none."""
        return self._links.get(edge_id)

    def disconnect(self, edge_id: str, session: SessionRef, code: int, reason: str) -> bool:
        """Make an edge close a websocket; return False if there is no link to it."""
        link = self._links.get(edge_id)
        if link is not None:
            link.send(Downstream(disconnect=Disconnect(session=session, code=code, reason=reason)))
        return link is not None

    def edge_ids(self) -> set[str]:
        """Return the ids of the edges that are linked."""
        return set(self._links)

    def watch(self, tenant_id: str, station_id: str, on: bool) -> None:
        """Make all edges start or stop reporting the frames of a station."""
        for link in self:
            link.watch(tenant_id, station_id, on)

    def announce(self, serving: bool) -> None:
        """Announce to all edges whether this core can commit."""
        for link in self:
            link.send(Downstream(serving=Serving(serving=serving)))

    def drain(self) -> None:
        """Announce to all edges that this core drains, so that they send new calls to other cores."""
        for link in self:
            link.send(Downstream(draining=CoreDraining()))

    def end(self) -> None:
        """End all streams."""
        for link in self:
            link.ended.set()
