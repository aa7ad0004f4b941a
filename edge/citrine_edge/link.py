"""The stream to one core replica: batches up, batches down, and again from the start when it is lost."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Protocol, TypeAlias

import grpc

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.ids import jitter
from citrine_edge.metrics import Metrics

__all__ = ["MAX_ITEM_BYTES", "Link", "LinkOwner", "encode_batch"]

MAX_ITEM_BYTES = 3 << 20
"""Bytes of one item. gRPC refuses messages of more than 4 MiB by default, and a refused batch is a lost link."""

MAX_BATCH_ITEMS = 256
MAX_BATCH_BYTES = MAX_ITEM_BYTES + (1 << 19)

MAX_OFFERED = 5000
"""Items that may wait for a core before those are dropped which nobody relies on."""

WELCOME_TIMEOUT = 5.0
"""Seconds a core has for the first item."""

FIRST_BACKOFF, LAST_BACKOFF = 0.1, 0.5
"""Seconds between attempts; each is shortened at random to half at least. A core that is back is soon found: stations
wait for it."""

REFUSED_BACKOFF = 2.0
"""Seconds between attempts at a core that refuses the credential: somebody has to mend that, here or there."""

TWIN_BACKOFF = 30.0
"""Seconds between attempts at an address whose core is linked by another of its addresses."""

_METHOD = f"/{pb.DESCRIPTOR.services_by_name['EdgeLinkService'].full_name}/Link"

_OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    # Reconnecting is ours: a channel's own backoff grows to minutes, and is shared between channels.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    # A core whose machine is gone ends no stream; without calls that wait for it, nothing else would show it.
    ("grpc.keepalive_time_ms", 15_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # What counts is this one, which else is a minute.
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
)

_UNKNOWN = "Internal error from Core"
"""What gRPC says where an rpc ended while something was written to it: why, is not known. The core meant is its own."""

_Stream: TypeAlias = "grpc.aio.StreamStreamCall[bytes, pb.LinkResponse]"

_logger = logging.getLogger(__name__)


class LinkLost(Exception):
    """The stream is at its end."""


class TwinLink(LinkLost):
    """The core has a link already, by another of its addresses."""


class LinkOwner(Protocol):
    """Who uses a link."""

    def hello(self) -> pb.Hello:
        """Return what the edge says first."""

    def is_linked(self, core_id: str) -> bool:
        """Return whether a link to that core is up."""

    def link_up(self, link: "Link", welcome: pb.Welcome) -> None:
        """Take note that items can be pushed."""

    def link_down(self, link: "Link") -> None:
        """Take note that the link is lost, with all that was not answered."""

    def link_changed(self, link: "Link") -> None:
        """Take note that the core serves or drains now, or does not."""

    def link_item(self, link: "Link", item: pb.Downstream) -> None:
        """Take an item that is about stations."""


class Link:
    """One address of a core, linked or about to be."""

    def __init__(self, address: str, credential: str, owner: LinkOwner, metrics: Metrics) -> None:
        self.address = address
        self.core_id = ""
        """Which core answered last; empty before the first."""
        self.known_actions: frozenset[str] | None = None
        """What that core serves; None before the first answer."""
        self.up = False
        self.serving = False
        self.draining = False
        self.heard = 0.0
        """Time of the loop at which the core last sent anything."""
        self._credential = credential
        self._owner = owner
        self._metrics = metrics
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._stream_task: asyncio.Task[None] | None = None
        self._finishing = False
        self._problem = ""

    def takes(self, action: str | None) -> bool:
        """Return whether the core can be given a call of this action now; None: whatever any core takes."""
        if not self.up or not self.serving or self.draining:
            return False
        return action is None or (self.known_actions is not None and action in self.known_actions)

    def push(self, item: bytes) -> None:
        """Send an Upstream item with the next batch."""
        self._queue.append(item)
        self._wake.set()

    def offer(self, item: bytes) -> bool:
        """Send an item that may be dropped; return False where it was."""
        if not self.up or len(self._queue) >= MAX_OFFERED:
            return False
        self.push(item)
        return True

    @property
    def queued(self) -> int:
        """Items that wait to be written."""
        return len(self._queue)

    def reset(self) -> None:
        """Give up the stream, as if it was lost."""
        if self._stream_task is not None:
            self._stream_task.cancel()

    async def finish(self, limit: float) -> None:
        """Write all that was pushed, end the stream, and return when the core has; or after so many seconds."""
        self._finishing = True
        self._wake.set()
        if self.up and self._stream_task is not None:
            await asyncio.wait({self._stream_task}, timeout=limit)

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        backoff = FIRST_BACKOFF
        while not self._finishing:
            self._stream_task = asyncio.create_task(self._stream(), name=f"stream to {self.address}")
            try:
                await asyncio.wait({self._stream_task})
            except asyncio.CancelledError:
                self._stream_task.cancel()
                await asyncio.wait({self._stream_task})
                raise
            was_up, error = self.up, self._lost(self._stream_task)
            if isinstance(error, TwinLink):
                backoff = TWIN_BACKOFF
            elif _needs_somebody(error):
                backoff = REFUSED_BACKOFF
            else:
                backoff = FIRST_BACKOFF if was_up else min(backoff * 2, LAST_BACKOFF)
            await asyncio.sleep(backoff * jitter(0.5, 1.0))

    def _lost(self, task: "asyncio.Task[None]") -> BaseException | None:
        """Take note of the end of the stream; return its reason."""
        error = None if task.cancelled() else _first(task.exception())
        problem = str(error or "given up")
        if isinstance(error, grpc.aio.AioRpcError):
            problem = error.details() or str(error.code())
        if error is not None and not isinstance(error, grpc.aio.AioRpcError | LinkLost | TimeoutError):
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
        elif problem != self._problem and problem != _UNKNOWN:
            # Said once, not with every attempt.
            level = logging.WARNING if _needs_somebody(error) else logging.INFO
            _logger.log(level, "core not reached", extra={"core": self.address, "problem": problem})
        if problem != _UNKNOWN:
            self._problem = problem
        self._queue.clear()
        self._wake.clear()
        return error

    async def _stream(self) -> None:
        async with grpc.aio.insecure_channel(self.address, options=_OPTIONS) as channel:
            stream: _Stream = channel.stream_stream(
                _METHOD, request_serializer=None, response_deserializer=pb.LinkResponse.FromString
            )(metadata=(("authorization", f"Bearer {self._credential}"),))
            try:
                async with asyncio.timeout(WELCOME_TIMEOUT):
                    await stream.write(encode_batch([pb.Upstream(hello=self._owner.hello()).SerializeToString()]))
                    first = await stream.read()
                if not isinstance(first, pb.LinkResponse) or first.items[0].WhichOneof("item") != "welcome":
                    raise LinkLost("the core did not welcome us")
                if self._owner.is_linked(first.items[0].welcome.core_id):
                    raise TwinLink("the core is linked by another address")
                self._welcomed(first.items[0].welcome)
                self._take(first.items[1:])
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._write(stream), name=f"write to {self.address}")
                    tasks.create_task(self._read(stream), name=f"read from {self.address}")
            finally:
                stream.cancel()

    def _welcomed(self, welcome: pb.Welcome) -> None:
        self.core_id = welcome.core_id
        self.known_actions = frozenset(welcome.actions)
        self.serving = welcome.serving
        self.draining = False
        self.heard = asyncio.get_running_loop().time()
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
            batch: list[bytes] = []
            size = 0
            while queue and len(batch) < MAX_BATCH_ITEMS and (not batch or size + len(queue[0]) <= MAX_BATCH_BYTES):
                size += len(queue[0])
                batch.append(queue.popleft())
            histogram.observe(len(batch))
            # While this is under way, more is queued for the next batch.
            await stream.write(encode_batch(batch))

    async def _read(self, stream: _Stream) -> None:
        loop, histogram = asyncio.get_running_loop(), self._metrics.batch_items.labels("down")
        while isinstance(batch := await stream.read(), pb.LinkResponse):
            self.heard = loop.time()
            histogram.observe(len(batch.items))
            self._take(batch.items)
        raise LinkLost("the core ended the stream")

    def _take(self, items: Sequence[pb.Downstream]) -> None:
        for item in items:
            match item.WhichOneof("item"):
                case "serving":
                    self.serving = item.serving.serving
                    self._owner.link_changed(self)
                case "draining":
                    self.draining = True
                    self._owner.link_changed(self)
                case "welcome" | None:
                    # What a newer core may say to newer edges.
                    _logger.warning("item was not understood", extra={"core": self.address})
                case _:
                    try:
                        self._owner.link_item(self, item)
                    except Exception:
                        # A defect of ours in one item must not cost the link, which would bring the same item again.
                        _logger.exception("item was not processed", extra={"core": self.address})


def encode_batch(items: Sequence[bytes]) -> bytes:
    """Return the LinkRequest of serialized Upstream items.

    A repeated field is its elements one after another, each with tag and length: there is nothing to copy into a
    message first.
    """
    parts: list[bytes] = []
    for item in items:
        parts.append(_ITEMS_TAG + _varint(len(item)))
        parts.append(item)
    return b"".join(parts)


_ITEMS_TAG = bytes([pb.LinkRequest.ITEMS_FIELD_NUMBER << 3 | 2])


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _first(error: BaseException | None) -> BaseException | None:
    """Return the first error of a group, however deep."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _needs_somebody(error: BaseException | None) -> bool:
    """Tell whether trying again does not help: the core answers, and refuses."""
    return isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.UNAUTHENTICATED
