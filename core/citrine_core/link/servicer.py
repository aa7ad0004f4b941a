"""EdgeLinkService: one stream from each edge, read into the lanes, written in batches."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import grpc

from citrine.edge.v1.link_pb2 import (
    Alive,
    CommandSent,
    Disconnect,
    Downstream,
    HandshakeRefused,
    Hello,
    LinkRequest,
    LinkResponse,
    ObservedFrame,
    SessionRef,
    Upstream,
    Watching,
    Welcome,
)
from citrine.edge.v1.link_pb2_grpc import EdgeLinkServiceServicer
from citrine_core.clock import Clock
from citrine_core.dispatch import Item, Lanes
from citrine_core.errors import DatabaseUnavailable, InvalidArgument, PermissionDenied, Stopping
from citrine_core.link import registry
from citrine_core.link.admission import Admission
from citrine_core.link.health import Health
from citrine_core.link.presence import Presence
from citrine_core.link.reconciliation import SessionReconciler
from citrine_core.link.registry import LinkRegistry
from citrine_core.rpc.edge_peer import current_edge

__all__ = ["EdgeLinkServicer"]

logger = logging.getLogger(__name__)

HELLO_TIMEOUT = 10.0
"""Seconds that an edge has to say Hello."""

LINK_REVISION = 1
"""Revision of the link's contract that this core supports, sent in the initial metadata under REVISION_KEY."""

REVISION_KEY = "citrine-link-revision"

ALIVE_INTERVAL = timedelta(seconds=2)
"""Longest time that a living core sends nothing to an edge."""

RECONCILE_TIME = 3.0
"""Seconds that the Welcome waits for the reconciliation of sessions. Edges wait five for the Welcome."""

MAX_URL = 2000
"""Longest public URL of an edge, in characters."""

MOST_SENDS = 5000
"""Items of a tenant that may wait when a SEND of its stations comes. Above it SENDs are dropped: without answers
nothing else holds their stations back, and before long no other tenant would be read either."""

STALE = 1000
"""Close code of a websocket that is not the newest of its station."""

Late: TypeAlias = Callable[[], Awaitable[None]]
"""Work that remains after the Welcome, and must be done before anything else is read."""

OnLink: TypeAlias = Callable[[registry.Link], None]
"""Is called with a link: behind its Welcome, or when it has ended."""

Context: TypeAlias = "grpc.aio.ServicerContext[LinkRequest, LinkResponse]"


class EdgeLinkServicer(EdgeLinkServiceServicer):
    """Reads the streams of edges and passes each item to its receiver. It decides nothing itself."""

    def __init__(
        self,
        *,
        core_id: str,
        software_version: str,
        actions: Sequence[str],
        worker_ports: Sequence[int],
        clock: Clock,
        links: LinkRegistry,
        health: Health,
        lanes: Lanes,
        submit: Callable[[Item], None],
        admission: Admission,
        reconciler: SessionReconciler,
        presence: Presence,
        send_dropped: Callable[[], None],
        command_sent: Callable[[CommandSent, registry.Link], None],
        observed: Callable[[str, ObservedFrame], None],
        watching: Callable[[str, Watching], None],
        handshake_refused: Callable[[HandshakeRefused], None],
        on_linked: Sequence[OnLink],
        on_unlinked: Sequence[OnLink],
    ) -> None:
        self._core_id = core_id
        self._software_version = software_version
        self._actions = actions
        self._worker_ports = worker_ports
        self._clock = clock
        self._links = links
        self._health = health
        self._lanes = lanes
        self._submit = submit
        self._admission = admission
        self._reconciler = reconciler
        self._presence = presence
        self._send_dropped = send_dropped
        self._command_sent = command_sent
        self._observed = observed
        self._watching = watching
        self._handshake_refused = handshake_refused
        self._on_linked = on_linked
        self._on_unlinked = on_unlinked
        self._stopping = False

    def stop(self) -> None:
        """End all links, and refuse new ones."""
        self._stopping = True
        self._links.end()

    async def Link(self, request_iterator: AsyncIterator[LinkRequest], context: Context) -> None:  # type: ignore[override]  # writes by context.write
        if self._stopping:
            raise Stopping
        await context.send_initial_metadata(((REVISION_KEY, str(LINK_REVISION)),))
        requests = aiter(request_iterator)
        try:
            async with asyncio.timeout(HELLO_TIMEOUT):
                hello, rest = _hello(await anext(requests, None))
                hello_time = self._clock()
                while hello.has_more:
                    rest = _add_page(hello, await anext(requests, None))
        except TimeoutError:
            raise InvalidArgument("items", f"must begin with hello within {HELLO_TIMEOUT:g} seconds") from None
        if self._core_id in hello.linked_core_ids and self._links.get(hello.edge_id) is not None:
            # One core may have several addresses behind a name. A second link would end the first.
            await context.write(LinkResponse(items=[Downstream(welcome=Welcome(core_id=self._core_id))]))
            return
        link = self._new_link(hello)
        about = {"edge_id": link.edge_id, "edge": link.peer.edge_name}
        logger.info("an edge linked, it holds %d sessions", len(hello.sessions), extra=about)
        try:
            late = await self._greet(hello, hello_time, link)
            if self._stopping:
                # `stop` was called while this waited for the database, and has not seen this link.
                link.ended.set()
            await _first_of(
                self._read(link, late, rest, requests),
                _write(link, context),
                link.ended.wait(),
                *([_say_alive(link)] if hello.link_revision >= 1 else []),
            )
        finally:
            link.ended.set()
            self._links.remove(link)
            for on_unlinked in self._on_unlinked:
                on_unlinked(link)
            logger.info("the link of an edge ended", extra={"edge_id": link.edge_id})
        if self._stopping:
            raise Stopping

    def _new_link(self, hello: Hello) -> registry.Link:
        peer, linked = current_edge(), self._links.get(hello.edge_id)
        if linked is not None and linked.peer.edge_name != peer.edge_name:
            raise PermissionDenied("the edge_id is that of another edge")
        command_ids = frozenset(hello.command_ids) if hello.link_revision >= 1 else None
        return registry.Link(hello.edge_id, hello.software_version, hello.public_url[:MAX_URL], command_ids, peer)

    async def _greet(self, hello: Hello, hello_time: datetime, link: registry.Link) -> Late | None:
        """Send the Welcome; return the work that remains before anything else is read, or None.

        The Welcome does not wait for a slow or failing database: the edge would consider this core dead.
        """
        reconciling = asyncio.ensure_future(self._reconcile(link, hello, hello_time)) if self._health.serving else None
        if reconciling is not None:
            try:
                await asyncio.wait({reconciling}, timeout=RECONCILE_TIME)
            except asyncio.CancelledError:
                reconciling.cancel()
                raise
        stale = reconciling.result() if reconciling is not None and reconciling.done() else None
        welcome = Welcome(
            core_id=self._core_id,
            actions=self._actions,
            serving=self._health.serving,
            stale_sessions=stale or (),
            software_version=self._software_version,
            worker_ports=self._worker_ports,
        )
        if hello.link_revision >= 1:
            welcome.alive_interval.FromTimedelta(ALIVE_INTERVAL)
        # Added only now, so that nothing that is sent to all links precedes the Welcome.
        link.send(Downstream(welcome=welcome))
        self._links.add(link)
        for on_linked in self._on_linked:
            on_linked(link)
        if stale is not None:
            return None
        under_way = reconciling if reconciling is not None and not reconciling.done() else None
        return lambda: self._reconcile_late(link, hello, hello_time, under_way)

    async def _reconcile(self, link: registry.Link, hello: Hello, hello_time: datetime) -> list[SessionRef] | None:
        try:
            return await self._reconciler.reconcile(hello, hello_time, link.peer.edge_name)
        except DatabaseUnavailable as error:
            self._health.failed(error)
            return None

    async def _read(
        self,
        link: registry.Link,
        first: Late | None,
        rest: Sequence[Upstream],
        requests: AsyncIterator[LinkRequest],
    ) -> None:
        if first is not None:
            await first()
        for upstream in rest:
            self._receive(link, upstream)
        async for request in requests:
            for upstream in request.items:
                self._receive(link, upstream)
            await self._lanes.wait_for_capacity()

    async def _reconcile_late(
        self,
        link: registry.Link,
        hello: Hello,
        hello_time: datetime,
        under_way: "asyncio.Future[list[SessionRef] | None] | None",
    ) -> None:
        stale = await under_way if under_way is not None else None
        while stale is None:
            await self._health.recovered()
            stale = await self._reconcile(link, hello, hello_time)
        for session in stale:
            disconnect = Disconnect(session=session, code=STALE, reason="replaced by a newer connection")
            link.send(Downstream(disconnect=disconnect))

    def _receive(self, link: registry.Link, upstream: Upstream) -> None:
        kind = upstream.WhichOneof("item")
        if kind in _OF_SESSIONS:
            content = getattr(upstream, kind)
            session = content.session
            tenant_id, station_id = session.tenant_id, session.station_id
            if kind in _SIGNS_OF_LIFE:
                self._presence.seen[tenant_id, station_id] = self._clock()
            if kind == "send" and self._lanes.waiting_of(tenant_id) >= MOST_SENDS:
                self._send_dropped()
                return
            self._submit(Item(tenant_id, station_id, content, link.send, edge_id=link.edge_id))
        elif kind == "admit":
            self._admission.ask(upstream.admit, link)
        elif kind == "command_sent":
            self._command_sent(upstream.command_sent, link)
        elif kind == "observed":
            self._observed(link.edge_id, upstream.observed)
        elif kind == "watching":
            self._watching(link.edge_id, upstream.watching)
        elif kind == "handshake_refused":
            self._handshake_refused(upstream.handshake_refused)
        elif kind == "draining":
            link.draining = True
        else:
            logger.warning("an edge said something that is not known here", extra={"edge_id": link.edge_id})


_SIGNS_OF_LIFE = frozenset({"call", "send", "opened", "command_result"})
_OF_SESSIONS = _SIGNS_OF_LIFE | {"closed", "command_failure", "refusals"}


def _hello(request: LinkRequest | None) -> tuple[Hello, Sequence[Upstream]]:
    if request is None or not request.items or request.items[0].WhichOneof("item") != "hello":
        raise InvalidArgument("items", "must begin with hello")
    hello = request.items[0].hello
    if not 0 < len(hello.edge_id) <= 36:
        raise InvalidArgument("items[0].hello.edge_id", "must have 1 to 36 characters")
    return hello, request.items[1:]


def _add_page(hello: Hello, request: LinkRequest | None) -> Sequence[Upstream]:
    """Add a page to a Hello; return the items that follow the page."""
    if request is None or not request.items or request.items[0].WhichOneof("item") != "hello_page":
        raise InvalidArgument("items", "must go on with hello_page")
    page = request.items[0].hello_page
    hello.sessions.MergeFrom(page.sessions)
    hello.has_more = not page.is_last
    return request.items[1:]


async def _say_alive(link: registry.Link) -> None:
    """Send Alive whenever nothing else was sent for ALIVE_INTERVAL."""
    while True:
        batches = link.batches
        # Half the interval, because an item that was sent just after a check is seen only by the next one.
        await asyncio.sleep(ALIVE_INTERVAL.total_seconds() / 2)
        if link.batches == batches and not link.queued:
            link.send(Downstream(alive=Alive()))


async def _write(link: registry.Link, context: Context) -> None:
    while True:
        await context.write(await link.batch())


async def _first_of(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Run until the first one is done, cancel the others, and raise the first one's exception, if any."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
