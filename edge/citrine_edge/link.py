"""The stream to one core replica: batches in both directions, and a reconnect whenever the stream ends."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import grpc

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.backoff import Backoff
from citrine_edge.batches import encode_batch
from citrine_edge.greeting import PAGE, REVISION_KEY, OpenSession, greeting
from citrine_edge.ids import jitter
from citrine_edge.link_channel import plain_channel
from citrine_edge.metrics import Metrics
from citrine_process.addresses import split_address

__all__ = ["MAX_ITEM_BYTES", "Link", "LinkOwner"]

MAX_ITEM_BYTES = 3 << 20
"""Bytes of one item. gRPC refuses messages of more than 4 MiB by default, and a refused batch ends the link."""

MAX_BATCH_ITEMS = 256
MAX_BATCH_BYTES = MAX_ITEM_BYTES + (1 << 19)

ENOUGH = 32
"""Items with which a batch waits for no more: what one costs less in a larger one is little."""

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

_UNKNOWN = "Internal error from Core"
"""What gRPC reports when an rpc ends during a write. The reason is unknown; "Core" is gRPC's own, not ours."""

_Stream: TypeAlias = "grpc.aio.StreamStreamCall[bytes, pb.LinkResponse]"

_logger = logging.getLogger(__name__)


class LinkEnded(Exception):
    """The stream ended."""


class SharedAddress(LinkEnded):
    """Several cores share the address: each has another one of its own."""


class TwinLink(LinkEnded):
    """The core already has a link, by another of its addresses."""


class LinkOwner(Protocol):
    """Callbacks of a link. The link's own task calls them on the event loop; they must not block."""

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
    - A stream ends when the transport ends, or when the core sent nothing for SILENT_INTERVALS intervals of its Alive.
      A core that is slow to answer but sends Alive is not dead, however long that lasts.

    Callers: one task runs `run`; its cancellation cancels the stream. The owner and its callers use the rest, on the
    event loop only.

    Reentrancy: `push`, `offer` and `reset` may be called from within any callback of the owner. They only queue:
    nothing is written, and no callback is called, before they return.
    """

    def __init__(
        self,
        address: str,
        credential: str,
        owner: LinkOwner,
        metrics: Metrics,
        gather_time: float = 0.0,
        open_channel: Callable[[str], grpc.aio.Channel] = plain_channel,
    ) -> None:
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
        self._open_channel = open_channel
        self._owner = owner
        self._metrics = metrics
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._gather_time = gather_time
        # Set while something waits that is not to wait for more.
        self._due = asyncio.Event()
        self._stream_task: asyncio.Task[None] | None = None
        self._finishing = False
        self._problem = ""

    def accepts(self, action: str | None) -> bool:
        """Return whether the core accepts a call of an action now; None: an item that every core accepts."""
        if not self.up or not self.serving or self.draining:
            return False
        return action is None or (self.known_actions is not None and action in self.known_actions)

    def push(self, item: bytes, *, may_wait: bool = False) -> None:
        """Queue a serialized Upstream item for the next batch.

        Args:
            item: The item.
            may_wait: Whether the batch may wait for further ones, for the link's gather_time at most.
        """
        self._queue.append(item)
        if not may_wait or len(self._queue) >= ENOUGH:
            self._due.set()
        self._wake.set()

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
        self._due.set()
        self._wake.set()
        if self.up and self._stream_task is not None:
            await asyncio.wait({self._stream_task}, timeout=limit)

    async def run(self) -> None:
        """Connect and reconnect until cancelled or finished, or until several cores turn out to share the address."""
        loop, backoff = asyncio.get_running_loop(), Backoff()
        while not self._finishing:
            self._stream_task = asyncio.create_task(self._stream(), name=f"stream to {self.address}")
            try:
                await asyncio.wait({self._stream_task})
            except asyncio.CancelledError:
                self._stream_task.cancel()
                # Its end is of no interest, also where the core ended it just before.
                await asyncio.gather(self._stream_task, return_exceptions=True)
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
        error = None if task.cancelled() else _first(task.exception())
        problem = str(error or "given up")
        if isinstance(error, grpc.aio.AioRpcError):
            problem = error.details() or str(error.code())
        if error is not None and not isinstance(error, grpc.aio.AioRpcError | LinkEnded | TimeoutError):
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
        elif problem != self._problem and problem != _UNKNOWN and not isinstance(error, SharedAddress):
            # Logged once, not with every attempt.
            level = logging.WARNING if _needs_somebody(error) else logging.INFO
            _logger.log(level, "core not reached", extra={"core": self.address, "problem": problem})
        if problem != _UNKNOWN:
            self._problem = problem
        self._queue.clear()
        self._wake.clear()
        self._due.clear()
        return error

    async def _stream(self) -> None:
        # An edge with a certificate needs no credential.
        metadata = (("authorization", f"Bearer {self._credential}"),) if self._credential else ()
        async with self._open_channel(self.address) as channel:
            stream: _Stream = channel.stream_stream(
                _METHOD, request_serializer=None, response_deserializer=pb.LinkResponse.FromString
            )(metadata=metadata)
            try:
                first = await self._greet(stream)
                welcome = first.items[0].welcome
                self.worker_ports = frozenset(welcome.worker_ports)
                if self.worker_ports and split_address(self.address)[1] not in self.worker_ports:
                    raise SharedAddress
                if self._owner.is_linked(welcome.core_id):
                    raise TwinLink("the core is linked by another address")
                self._welcomed(welcome)
                self._receive(first.items[1:])
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._write(stream), name=f"write to {self.address}")
                    tasks.create_task(self._read(stream), name=f"read from {self.address}")
                    if welcome.HasField("alive_interval"):
                        interval = welcome.alive_interval.ToTimedelta().total_seconds()
                        tasks.create_task(self._notice_silence(interval), name=f"listen to {self.address}")
            finally:
                stream.cancel()

    async def _greet(self, stream: _Stream) -> pb.LinkResponse:
        """Send Hello once connected, and return the batch that begins with the Welcome."""
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await stream.wait_for_connection()
        many = len(self._owner.open_sessions()) > PAGE
        in_pages = many and await _knows_pages(stream)
        try:
            async with asyncio.timeout(WELCOME_TIMEOUT) as limit:
                async for item in greeting(self._owner.hello(), self._owner.open_sessions(), in_pages=in_pages):
                    await stream.write(encode_batch([item.SerializeToString()]))
                    limit.reschedule(asyncio.get_running_loop().time() + WELCOME_TIMEOUT)
                first = await stream.read()
        except asyncio.InvalidStateError:
            # The core has already ended the rpc. Reading raises the reason.
            first = await stream.read()
        if not isinstance(first, pb.LinkResponse) or first.items[0].WhichOneof("item") != "welcome":
            raise LinkEnded("the core did not welcome us")
        return first

    def _welcomed(self, welcome: pb.Welcome) -> None:
        self.core_id = welcome.core_id
        self.known_actions = frozenset(welcome.actions)
        self.serving = welcome.serving
        self.draining = False
        self._up_since = asyncio.get_running_loop().time()
        self._queue.clear()
        self.up = True
        _logger.info(
            "link up", extra={"core": self.address, "core_id": self.core_id, "actions": len(self.known_actions)}
        )
        self._owner.link_up(self, welcome)

    async def _write(self, stream: _Stream) -> None:
        queue, histogram = self._queue, self._metrics.batch_items.labels("up")
        while True:
            if not queue:
                if self._finishing:
                    await stream.done_writing()
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            if not self._due.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._gather_time):
                        await self._due.wait()
            batch: list[bytes] = []
            size = 0
            while queue and len(batch) < MAX_BATCH_ITEMS and (not batch or size + len(queue[0]) <= MAX_BATCH_BYTES):
                size += len(queue[0])
                batch.append(queue.popleft())
            if not queue:
                self._due.clear()
            histogram.observe(len(batch))
            # Items that are pushed during this write form the next batch. Why the core ended the rpc, reading raises.
            with contextlib.suppress(asyncio.InvalidStateError):
                await stream.write(encode_batch(batch))

    async def _read(self, stream: _Stream) -> None:
        histogram = self._metrics.batch_items.labels("down")
        while isinstance(batch := await stream.read(), pb.LinkResponse):
            self._batches += 1
            histogram.observe(len(batch.items))
            self._receive(batch.items)
        raise LinkEnded("the core ended the stream")

    async def _notice_silence(self, interval: float) -> None:
        """Raise LinkEnded once the core was silent for too long.

        Time during which this process was suspended does not count: what the core sent meanwhile is still unread.
        """
        loop, pause = asyncio.get_running_loop(), interval / 4
        heard, silent, last = self._batches, 0.0, loop.time()
        while silent < SILENT_INTERVALS * interval:
            await asyncio.sleep(pause)
            now = loop.time()
            silent = silent + min(now - last, 2 * pause) if heard == self._batches else 0.0
            heard, last = self._batches, now
        raise LinkEnded("the core is silent")

    def _receive(self, items: Sequence[pb.Downstream]) -> None:
        for item in items:
            match kind := item.WhichOneof("item"):
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
                    try:
                        self._owner.link_item(self, kind, item)
                    except Exception:
                        # A bug of ours must not end the link: the core would send the same item over the next one.
                        _logger.exception("item was not processed", extra={"core": self.address})


async def _knows_pages(stream: _Stream) -> bool:
    """Return whether the core supports HelloPage, by its initial metadata."""
    try:
        async with asyncio.timeout(REVISION_TIMEOUT):
            metadata = await stream.initial_metadata()
    except TimeoutError:
        return False
    return any(key == REVISION_KEY and str(value).isdecimal() and int(value) >= 1 for key, value in metadata)


def _first(error: BaseException | None) -> BaseException | None:
    """Return the first error of a group, however deep."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _needs_somebody(error: BaseException | None) -> bool:
    """Return whether retrying is useless: the core answers, and refuses the credential."""
    return isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.UNAUTHENTICATED
