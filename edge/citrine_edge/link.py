"""The stream to one core replica: batches in both directions, and a reconnect whenever the stream ends."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from google.protobuf.message import DecodeError

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.backoff import Backoff
from citrine_edge.greeting import PAGE, REVISION_KEY, OpenSession, greeting
from citrine_edge.http2 import CANCELLED, UNAUTHENTICATED, StreamEnded
from citrine_edge.ids import jitter
from citrine_edge.metrics import Metrics
from citrine_edge.stream import StreamConnection, connect
from citrine_edge.upstream import MAX_ITEM_BYTES, encode_batch
from citrine_process.addresses import split_address

__all__ = ["Link", "LinkOwner"]

MAX_BATCH_ITEMS = 256
MAX_BATCH_BYTES = MAX_ITEM_BYTES + (1 << 19)

MAX_OFFERED = 5000
"""Queued items above which `offer` drops new ones."""

CONNECT_TIMEOUT = 5.0
"""Seconds until the HTTP/2 connection must be established."""

WELCOME_TIMEOUT = 5.0
"""Seconds that a core has to read each page of Hello, and to send the Welcome after the last one."""

REVISION_TIMEOUT = 1.0
"""Seconds to wait for the revision in the initial metadata. An older core sends none, which costs this wait once."""

SILENT_INTERVALS = 4
"""Intervals of Alive without any batch after which the core counts as dead."""

REFUSED_BACKOFF = 2.0
"""Seconds between attempts at a core that refuses the credential, which only an operator can correct."""

TWIN_BACKOFF = 30.0
"""Seconds between attempts at an address of a core that is linked by another address."""

_METHOD = f"/{pb.DESCRIPTOR.services_by_name['EdgeLinkService'].full_name}/Link"

_logger = logging.getLogger(__name__)


class LinkEnded(StreamEnded):
    """The edge ends the stream."""

    def __init__(self, problem: str) -> None:
        super().__init__(CANCELLED, problem)


class SharedAddress(LinkEnded):
    """Several cores share the address: each has another one of its own."""


class TwinLink(LinkEnded):
    """The core already has a link, by another of its addresses."""


class LinkOwner(Protocol):
    """Callbacks of a link, which calls them on the event loop; they must not block."""

    def hello(self) -> pb.Hello:
        """Return the Hello, without the sessions."""

    def open_sessions(self) -> Sequence[OpenSession]:
        """Return a snapshot of the open sessions, which does not change."""

    def is_linked(self, core_id: str) -> bool:
        """Return whether a link to that core is up."""

    def link_up(self, link: "Link", welcome: pb.Welcome) -> None:
        """Called after the Welcome: from now on items can be pushed."""

    def link_down(self, link: "Link") -> None:
        """Called when the link ended. Whatever was pushed and not answered must be resent elsewhere."""

    def link_changed(self, link: "Link") -> None:
        """Called when `serving` or `draining` changed."""

    def link_item(self, link: "Link", kind: str, item: pb.Downstream) -> None:
        """Called with each item that is about stations, in order, and which of the alternatives it is."""


class Link:
    """The link to one address of a core, which reconnects until it is finished or cancelled.

    Invariants:

    - The link is up from the core's Welcome until its stream ends. The owner's `link_up` and `link_down` alternate,
      each is called once, and `link_item` and `link_changed` are called only in between.
    - Pushed items are written in order. There is no acknowledgement: an item that was pushed before `link_down` may
      or may not have arrived. Whoever needs an answer to it resends it over another link, where it may be a
      duplicate. Items that are pushed while the link is down are dropped.
    - At most one write is scheduled. What is pushed until the event loop comes to it goes into one batch; what is
      pushed while the transport takes no more goes into the next ones.
    - A stream ends when the transport ends, or when the core sent nothing for SILENT_INTERVALS intervals of its Alive.
      A core that is slow to answer but sends Alive is not dead, however long it takes.

    Callers: one task runs `run`; its cancellation cancels the stream. The owner and its callers use the rest, on the
    event loop only.

    Reentrancy: `push`, `offer` and `reset` may be called from within any callback of the owner. They only queue:
    nothing is written, and no callback is called, before they return.
    """

    def __init__(self, address: str, credential: str, owner: LinkOwner, metrics: Metrics) -> None:
        self.address = address
        self.core_id = ""
        """Id of the core that answered last; empty before the first."""
        self.known_actions: frozenset[str] | None = None
        """Actions that this core serves; None before its first answer."""
        self.worker_ports: frozenset[int] = frozenset()
        """Ports of the cores that share an address with the one that answered last; empty where none does."""
        self.up = False
        self.serving = False
        self.draining = False
        self._batches = 0
        self._up_since = 0.0
        self._credential = credential
        self._owner = owner
        self._metrics = metrics
        self._queue: deque[bytes] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._write_scheduled = False
        self._connection: StreamConnection | None = None
        self._stream_task: asyncio.Task[None] | None = None
        # Set when the stream may have become writable, came up, or ended, for the one task that waits for it.
        self._progress = asyncio.Event()
        self._alive_interval: float | None = None
        self._end: BaseException | None = None
        self._finishing = False
        self._problem = ""
        self._items_up, self._items_down = (metrics.batch_items.of(each) for each in ("up", "down"))

    def accepts(self, action: str | None) -> bool:
        """Return whether the core accepts a call of an action now; None: an item that every core accepts."""
        if not self.up or not self.serving or self.draining:
            return False
        return action is None or (self.known_actions is not None and action in self.known_actions)

    def push(self, item: bytes) -> None:
        """Queue a serialized Upstream item for the next batch."""
        self._queue.append(item)
        if not self._write_scheduled:
            self._schedule_write()

    def offer(self, item: bytes) -> bool:
        """Queue an item that may be dropped; return False if it was dropped, which is how backpressure shows."""
        if not self.up or len(self._queue) >= MAX_OFFERED:
            return False
        self.push(item)
        return True

    @property
    def queued(self) -> int:
        """Items that wait to be written."""
        return len(self._queue)

    def reset(self) -> None:
        """Cancel the stream. The link reconnects, as after any other end."""
        if self._stream_task is not None:
            self._stream_task.cancel()

    async def finish(self, limit: float) -> None:
        """Write everything queued, half-close the stream, and wait until the core ends it, or for ``limit`` seconds."""
        self._finishing = True
        self._schedule_write()
        if self.up and self._stream_task is not None:
            await asyncio.wait({self._stream_task}, timeout=limit)

    async def run(self) -> None:
        """Connect and reconnect until cancelled or finished, or until several cores turn out to share the address."""
        loop, backoff = asyncio.get_running_loop(), Backoff()
        self._loop = loop
        while not self._finishing:
            self._stream_task = asyncio.create_task(self._stream(), name=f"stream to {self.address}")
            try:
                await asyncio.wait({self._stream_task})
            except asyncio.CancelledError:
                self._stream_task.cancel()
                await asyncio.wait({self._stream_task})
                raise
            was_up, was_draining, error = self.up, self.draining, self._end_of_stream(self._stream_task)
            if isinstance(error, SharedAddress):
                return
            if isinstance(error, TwinLink):
                pause = TWIN_BACKOFF
            elif _needs_somebody(error):
                pause = REFUSED_BACKOFF
            elif was_up:
                pause = backoff.ended(loop.time() - self._up_since, orderly=was_draining)
            else:
                pause = backoff.unreached()
            await asyncio.sleep(pause * jitter(0.5, 1.0))

    def _end_of_stream(self, task: "asyncio.Task[None]") -> BaseException | None:
        """Handle the end of the stream, and return its reason."""
        error = None if task.cancelled() else task.exception()
        problem = str(error or "") or "given up"
        if error is not None and not isinstance(error, StreamEnded | TimeoutError):
            _logger.error("link failed", exc_info=error, extra={"core": self.address})
        was_up, self.up = self.up, False
        was_draining = self.draining
        self.serving = self.draining = False
        if was_up:
            # Expected where one of the two stops in an orderly way.
            level = logging.INFO if self._finishing or was_draining else logging.WARNING
            about = {"core": self.address, "core_id": self.core_id, "problem": problem}
            _logger.log(level, "link lost", extra=about)
            self._metrics.link_losses.inc()
            self._owner.link_down(self)
        elif problem != self._problem and not isinstance(error, SharedAddress):
            # Logged once, not with every attempt.
            level = logging.WARNING if _needs_somebody(error) else logging.INFO
            _logger.log(level, "core not reached", extra={"core": self.address, "problem": problem})
        self._problem = problem
        self._queue.clear()
        return error

    async def _stream(self) -> None:
        self._end, self._alive_interval = None, None
        self._progress.clear()
        metadata = (("authorization", f"Bearer {self._credential}"),)
        async with asyncio.timeout(CONNECT_TIMEOUT):
            connection = await connect(*split_address(self.address), _METHOD, metadata, self)
        self._connection = connection
        try:
            await self._greet(connection)
            await self._until_end()
        finally:
            self._connection = None
            connection.cancel()

    async def _greet(self, connection: StreamConnection) -> None:
        """Send Hello, and return after the Welcome."""
        many = len(self._owner.open_sessions()) > PAGE
        in_pages = many and await _knows_pages(connection)
        async with asyncio.timeout(WELCOME_TIMEOUT) as limit:
            async for item in greeting(self._owner.hello(), self._owner.open_sessions(), in_pages=in_pages):
                connection.write(encode_batch([item.SerializeToString()]))
                await self._until(lambda: connection.is_writable)
                limit.reschedule(asyncio.get_running_loop().time() + WELCOME_TIMEOUT)
            await self._until(lambda: self.up)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that a callback of the connection makes true; raise the reason if the stream ends."""
        while not condition():
            if self._end is not None:
                raise self._end
            self._progress.clear()
            await self._progress.wait()

    async def _until_end(self) -> None:
        """Raise the reason why the stream ended; LinkEnded once the core was silent for too long.

        Time during which this process was suspended does not count: what the core sent meanwhile is still unread.
        """
        if self._alive_interval is None:
            await self._until(lambda: False)
            return
        loop, interval, pause = asyncio.get_running_loop(), self._alive_interval, self._alive_interval / 4
        heard, silent, last = self._batches, 0.0, loop.time()
        while silent < SILENT_INTERVALS * interval:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._until(lambda: False)
            now = loop.time()
            silent = silent + min(now - last, 2 * pause) if heard == self._batches else 0.0
            heard, last = self._batches, now
        raise LinkEnded("the core is silent")

    # What the connection calls.

    def message(self, data: bytes) -> None:
        """Handle one batch."""
        try:
            items: Sequence[pb.Downstream] = pb.LinkResponse.FromString(data).items
        except DecodeError:
            raise LinkEnded("the core sent a batch that can't be read") from None
        self._batches += 1
        self._items_down.observe(len(items))
        if not self.up:
            if not items or items[0].WhichOneof("item") != "welcome":
                raise LinkEnded("the core did not welcome us")
            self._welcomed(items[0].welcome)
            items = items[1:]
        self._receive(items)

    def writable(self) -> None:
        """Write what was pushed meanwhile."""
        self._progress.set()
        self._write()

    def ended(self, error: BaseException) -> None:
        """Have the task of the stream end with this reason."""
        self._end = error
        self._progress.set()

    # Inside.

    def _welcomed(self, welcome: pb.Welcome) -> None:
        self.worker_ports = frozenset(welcome.worker_ports)
        if self.worker_ports and split_address(self.address)[1] not in self.worker_ports:
            raise SharedAddress("several cores share the address")
        if self._owner.is_linked(welcome.core_id):
            raise TwinLink("the core is linked by another address")
        self.core_id = welcome.core_id
        self.known_actions = frozenset(welcome.actions)
        self.serving = welcome.serving
        self.draining = False
        if welcome.HasField("alive_interval"):
            self._alive_interval = welcome.alive_interval.ToTimedelta().total_seconds()
        self._up_since = asyncio.get_running_loop().time()
        self._queue.clear()
        self.up = True
        self._progress.set()
        _logger.info(
            "link up", extra={"core": self.address, "core_id": self.core_id, "actions": len(self.known_actions)}
        )
        self._owner.link_up(self, welcome)

    def _schedule_write(self) -> None:
        if self._loop is not None:
            self._write_scheduled = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._write_scheduled = False
        connection, queue = self._connection, self._queue
        if connection is None or not self.up:
            return
        while queue and connection.is_writable:
            batch: list[bytes] = []
            size = 0
            while queue and len(batch) < MAX_BATCH_ITEMS and (not batch or size + len(queue[0]) <= MAX_BATCH_BYTES):
                size += len(queue[0])
                batch.append(queue.popleft())
            self._items_up.observe(len(batch))
            connection.write(encode_batch(batch))
        if self._finishing and not queue:
            connection.end()

    def _receive(self, items: Sequence[pb.Downstream]) -> None:
        for item in items:
            kind = item.WhichOneof("item")
            if kind == "answer":
                # Nearly all of them are.
                self._dispatch(kind, item)
                continue
            match kind:
                case "serving":
                    self.serving = item.serving.serving
                    self._owner.link_changed(self)
                case "draining":
                    self.draining = True
                    self._owner.link_changed(self)
                case "alive":
                    pass
                case "welcome" | None:
                    # An item that a newer core sends to newer edges.
                    _logger.warning("item was not understood", extra={"core": self.address})
                case _:
                    self._dispatch(kind, item)

    def _dispatch(self, kind: str, item: pb.Downstream) -> None:
        try:
            self._owner.link_item(self, kind, item)
        except Exception:
            # A bug of ours must not end the link: the core would send the same item over the next one.
            _logger.exception("item was not processed", extra={"core": self.address})


async def _knows_pages(connection: StreamConnection) -> bool:
    """Return whether the core supports HelloPage, by its initial metadata."""
    try:
        async with asyncio.timeout(REVISION_TIMEOUT):
            revision = (await connection.metadata()).get(REVISION_KEY, "")
    except TimeoutError:
        return False
    return revision.isdecimal() and int(revision) >= 1


def _needs_somebody(error: BaseException | None) -> bool:
    """Return whether retrying is useless: the core answers, and refuses the credential."""
    return isinstance(error, StreamEnded) and error.code == UNAUTHENTICATED
