"""All sessions of the edge."""

import asyncio
import logging
import time
from collections.abc import Iterator

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge import upstream
from citrine_edge.clock import Clock, timestamp
from citrine_edge.greeting import LINK_REVISION
from citrine_edge.ids import jitter
from citrine_edge.link import Link
from citrine_edge.metrics import Metrics
from citrine_edge.router import Router
from citrine_edge.session import Session

__all__ = ["Sessions"]

_logger = logging.getLogger(__name__)

_Key = tuple[str, str]


class Sessions:
    """The sessions of this edge. A station has at most one open session: the one with the highest epoch."""

    def __init__(
        self,
        edge_id: str,
        software_version: str,
        router: Router,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
        close_spread: float,
        clock: Clock = time.time_ns,
    ) -> None:
        self.public_url = ""
        """URL by which stations reach this edge; set as soon as it listens."""
        self._edge_id = edge_id
        self._software_version = software_version
        self._router = router
        self._metrics = metrics
        self._loop = loop
        self._close_spread = close_spread
        self._clock = clock
        self._open: dict[_Key, Session] = {}
        # Also those that were replaced and are not closed yet.
        self._all: set[Session] = set()
        self._watchers: dict[_Key, list[Link]] = {}
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._all))

    def open(self, session: Session) -> None:
        """Add a session whose socket is open. Of two sessions of a station the older epoch is closed."""
        session.on_closed = self._closed
        self._all.add(session)
        self._empty.clear()
        self._router.report(upstream.opened(session.description), session)
        fields = {"station_id": session.key[1], "epoch": session.epoch, "version": session.dialect.subprotocol}
        _logger.info("station connected", extra=fields)
        other = self._open.get(session.key)
        newest, oldest = (session, other) if other is None or other.epoch < session.epoch else (other, session)
        self._open[session.key] = newest
        newest.wire.watch(self._watchers.get(session.key, ()))
        if oldest is not None:
            _logger.info("session replaced", extra={"station_id": newest.key[1], "epoch": newest.epoch})
            oldest.close(1000, "replaced by a newer connection")

    def drain(self) -> None:
        """Close each session as soon as nothing is under way on it, spread over close_spread seconds."""
        self._draining = True
        for session in self:
            self._loop.call_later(jitter(0, self._close_spread), session.drain)

    async def empty(self) -> None:
        """Wait until no session is left."""
        await self._empty.wait()

    # What the router calls.

    def hello(self) -> pb.Hello:
        """Return the Hello for a new link, without the sessions."""
        hello = pb.Hello(
            edge_id=self._edge_id,
            software_version=self._software_version,
            public_url=self.public_url,
            link_revision=LINK_REVISION,
        )
        for session in self._all:
            hello.command_ids.extend(session.command_ids)
        return hello

    def open_sessions(self) -> tuple[Session, ...]:
        """Return the open sessions, of each station the newest."""
        return tuple(self._open.values())

    def welcomed(self, link: Link, welcome: pb.Welcome) -> None:
        """Close the sessions that the core does not know as valid."""
        for ref in welcome.stale_sessions:
            session = self._find(ref)
            if session is not None:
                session.close(1012, "the session is not valid any more")
        if self._draining:
            link.push(upstream.draining())

    def unlinked(self, link: Link) -> None:
        """Stop reporting frames to a link that ended."""
        for key, watchers in list(self._watchers.items()):
            if link in watchers:
                self._set_watch(key, link, on=False)

    def receive(self, link: Link, item: pb.Downstream) -> None:
        """Handle an item from a core that is about a session."""
        match item.WhichOneof("item"):
            case "command":
                self._command(link, item.command)
            case "cancel_command":
                self._cancel(item.cancel_command)
            case "disconnect":
                closing = self._find(item.disconnect.session)
                if closing is not None:
                    closing.close(_close_code(item.disconnect.code), item.disconnect.reason)
            case "registration":
                changed = self._find(item.registration.session)
                if changed is not None:
                    changed.set_registration(item.registration.status)
            case "watch":
                self._set_watch((item.watch.tenant_id, item.watch.station_id), link, on=item.watch.on)

    def close_all(self, code: int, reason: str) -> None:
        """Schedule the close of all sockets; a socket whose time comes after a core serves again stays open."""
        for session in self:
            self._loop.call_later(jitter(0, self._close_spread), self._close_unless, session, code, reason)

    # Inside.

    def _close_unless(self, session: Session, code: int, reason: str) -> None:
        if not self._router.serving:
            session.close(code, reason)

    def _closed(self, session: Session) -> None:
        self._all.discard(session)
        if not self._all:
            self._empty.set()
        if self._open.get(session.key) is session:
            del self._open[session.key]

    def _find(self, ref: pb.SessionRef) -> Session | None:
        session = self._open.get((ref.tenant_id, ref.station_id))
        return session if session is not None and session.epoch == ref.epoch else None

    def _command(self, link: Link, command: pb.Command) -> None:
        session = self._find(command.session)
        if session is not None and not self._draining:
            session.command(command, link.core_id)
            return
        failure = pb.CommandFailure(
            id=command.id,
            session=command.session,
            reason=pb.CommandFailure.REASON_GONE,
            time=timestamp(self._clock),
        )
        self._metrics.command_failures.inc("gone")
        self._router.report_to(link.core_id, pb.Upstream(command_failure=failure).SerializeToString(), command.id)

    def _cancel(self, cancel: pb.CancelCommand) -> None:
        if not cancel.HasField("session"):
            for session in self:
                session.cancel(cancel.id)
        # Callers may give up on thousands at once.
        elif (named := self._find(cancel.session)) is not None:
            named.cancel(cancel.id)

    def _set_watch(self, key: _Key, link: Link, *, on: bool) -> None:
        watchers = [each for each in self._watchers.get(key, ()) if each is not link]
        if on:
            watchers.append(link)
        if watchers:
            self._watchers[key] = watchers
        else:
            self._watchers.pop(key, None)
        session = self._open.get(key)
        if session is not None:
            session.wire.watch(watchers)
        if on:
            link.offer(upstream.watching(*key))


def _close_code(code: int) -> int:
    """Return the code if it is valid in a close frame, else 1000."""
    return code if code in (*range(1000, 1004), *range(1007, 1015)) or 3000 <= code < 5000 else 1000
