"""The router: chooses a core for each station, tracks calls until they are answered, and handles outages."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge import upstream
from citrine_edge.admits import Admits, Decided, PendingAdmit
from citrine_edge.availability import Availability
from citrine_edge.call_windows import CallWindows, PendingCall
from citrine_edge.clock import timestamp
from citrine_edge.gathering import Gathering
from citrine_edge.greeting import OpenSession
from citrine_edge.link import Link
from citrine_edge.metrics import Metrics
from citrine_edge.reports import Reports
from citrine_edge.tolerances import Tolerances

if TYPE_CHECKING:
    from citrine_edge.session import Session

__all__ = ["Router", "RouterLimits", "Stations"]

DISCOVERY = 10.0
"""Seconds after the start during which an action without a core is unrouted, not refused: its core may yet link."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RouterLimits:
    """Times in seconds."""

    hold_time: float
    settle_time: float
    answer_timeout: float
    admit_timeout: float
    gather_time: float = 0.0


class Stations(Protocol):
    """What the router needs of the sessions. It calls on the event loop; no method may add or remove links."""

    def hello(self) -> pb.Hello:
        """Return the Hello for a new link, without the sessions."""

    def open_sessions(self) -> Sequence[OpenSession]:
        """Return the open sessions."""

    def welcomed(self, link: Link, welcome: pb.Welcome) -> None:
        """Handle the Welcome of a new link."""

    def unlinked(self, link: Link) -> None:
        """Handle the end of a link."""

    def receive(self, link: Link, item: pb.Downstream) -> None:
        """Handle an item from a core that is about a session."""

    def close_all(self, code: int, reason: str) -> None:
        """Schedule the close of all sockets; a socket whose time comes after a core serves again stays open."""


class Router:
    """Routes items of stations to cores, and items of cores to sessions, over all links of the edge.

    Invariants:

    - The router tracks a call from `call` until the session receives the answer, or calls `forget`. Meanwhile the
      call is either assigned to one link, or unrouted because no link accepts its action.
    - A core has only so many calls of one tenant to answer at a time; the others wait here for their window.
    - When a link ends, or its core can no longer commit, its calls are resent to the next core in their station's
      ranking, in the order of their ids. One call may therefore reach two cores; cores deduplicate it by epoch and id.
    - A core that drains answers the calls that it was sent; those that wait for its window go to the next core.
    - A session receives exactly one answer for each call: the first that arrives. Later ones are dropped.

    Callers: sessions and handshakes use the methods from `next_id` to `report_to`; links use those of `LinkOwner`; the
    edge calls `sweep` several times within the hold time. All of them call on the event loop. No method blocks or
    awaits, and none is safe to call from another thread.

    Reentrancy: every method may be called from within `answer` and `answer_error` of a session and from within an
    admission's callback. The router calls these last, with its own state complete, because they often lead to the
    next `call`. `Stations.receive` must not add or remove links.
    """

    def __init__(self, limits: RouterLimits, metrics: Metrics, loop: asyncio.AbstractEventLoop) -> None:
        self._limits = limits
        self._metrics = metrics
        self._loop = loop
        self._stations: Stations
        self._links: list[Link] = []
        self._windows: dict[Link, CallWindows] = {}
        self._version = 0
        self._served: frozenset[str] = frozenset()
        self._last_id = 0
        self._calls: dict[int, PendingCall] = {}
        self._unrouted: dict[int, PendingCall] = {}
        self._gathering = Gathering(limits.gather_time)
        self._admits = Admits(self._links, self._ranking)
        self._reports = Reports(self._links, metrics, loop)
        self.tolerances = Tolerances()
        """The tolerance rules that a core sent last."""
        self._started = loop.time()
        self._availability = Availability(limits.hold_time, limits.settle_time, self._started)
        # As the log has it.
        self._was_open = False
        metrics.pending_calls.set_function(lambda: len(self._calls))
        metrics.unrouted_calls.set_function(lambda: len(self._unrouted))
        metrics.link_queue.set_function(lambda: sum(link.queued for link in self._links))
        metrics.links.set_function(lambda: sum(link.up for link in self._links))
        metrics.links_serving.set_function(lambda: sum(link.accepts(None) for link in self._links))

    def start(self, stations: Stations) -> None:
        """Set the sessions. Must be called before the first link is added."""
        self._stations = stations

    @property
    def serving(self) -> bool:
        """Whether some core serves now."""
        return self._availability.serving

    @property
    def available(self) -> bool:
        """Whether new stations are admitted: a core serves and, after an outage, has served for the settle time."""
        return self._availability.is_open

    @property
    def links(self) -> tuple[Link, ...]:
        """All links, up or not."""
        return tuple(self._links)

    def add(self, link: Link) -> None:
        """Add a link, which need not be up."""
        self._links.append(link)
        self._windows[link] = CallWindows(link)
        self._change()

    def remove(self, link: Link) -> None:
        """Remove a link, which must be down."""
        self._links.remove(link)
        del self._windows[link]
        self._change()

    # What sessions and handshakes ask for.

    def next_id(self) -> int:
        """Return an id for a call or an admission."""
        self._last_id += 1
        return self._last_id

    def serves(self, action: str) -> bool:
        """Return whether a core serves an action. A core whose link is down at the moment counts as well."""
        if action in self._served:
            return True
        unknown = any(link.known_actions is None for link in self._links)
        return unknown and self._loop.time() - self._started < DISCOVERY

    def call(self, session: "Session", call_id: int, action: str, data: bytes) -> None:
        """Send a station's call to a core, or queue it until a core accepts it.

        The router calls `session.answer` or `session.answer_error` once, unless the session calls `forget` before.
        """
        now = self._loop.time()
        link = self._route(session, action)
        call = self._calls[call_id] = PendingCall(session, action, data, now, link, now)
        if link is None:
            self._unrouted[call_id] = call
        else:
            self._gathering.count(session.key, now)
            may_wait = self._gathering.expects_more(len(self._calls), len(session.route))
            self._windows[link].add(call, may_wait=may_wait)

    def forget(self, call_id: int) -> None:
        """Drop a call: its session no longer needs the answer."""
        call = self._calls.pop(call_id, None)
        if call is not None:
            self._end(call_id, call)

    def send(self, session: "Session", action: str, data: bytes) -> bool:
        """Send a SEND to a core; return False if it was dropped because no core accepts it."""
        link = self._route(session, action)
        return link is not None and link.offer(data)

    def admit(self, admit: pb.Admit, source: str, decided: Decided, is_wanted: Callable[[], bool]) -> None:
        """Let a core decide on a handshake, once it is the turn of its source; `decided` is called with the decision.

        `is_wanted` is called before: if it returns False, the handshake ended, and no core is asked.
        """
        data = pb.Upstream(admit=admit).SerializeToString()
        key = (admit.tenant_id, admit.station_id)
        self._admits.add(PendingAdmit(admit.id, key, source, data, self._loop.time(), decided, is_wanted))

    def report(self, data: bytes, session: "Session") -> None:
        """Report to a core that a session opened or closed, now or as soon as a core serves."""
        link = self._route(session, None)
        if link is None:
            self._reports.retain(data)
        else:
            self._reports.send(link, data)

    def offer(self, key: tuple[str, str], data: bytes) -> bool:
        """Send an item about a station, by tenant and id; return False if no core accepts items now."""
        link = next((link for link in self._ranking(key) if link.accepts(None)), None)
        return link is not None and link.offer(data)

    def report_to(self, core_id: str, data: bytes, command_id: str = "") -> None:
        """Report on a command to the core that sent it, or to another one if that core does not return in time."""
        self._reports.send_to_core(core_id, data, command_id)

    def sweep(self) -> None:
        """Enforce time limits. Must be called several times within hold_time."""
        now = self._loop.time()
        if self._availability.begins_outage(now):
            # An edge that starts before its core has no sockets to close: that is no error.
            level = logging.ERROR if self._availability.has_served else logging.WARNING
            _logger.log(level, "no core serves: sockets are closed, and stations refused until one does")
            self._stations.close_all(1012, "the CSMS can't store messages")
        self._say_whether_open()
        self._sweep_calls(now)
        self._admits.expire(now - self._limits.admit_timeout)
        self._reports.flush()

    # What links call.

    def hello(self) -> pb.Hello:
        """Return the Hello for a new link, without the sessions."""
        hello = self._stations.hello()
        hello.linked_core_ids.extend(link.core_id for link in self._links if link.up)
        hello.command_ids.extend(self._reports.command_ids())
        return hello

    def open_sessions(self) -> Sequence[OpenSession]:
        """Return the open sessions."""
        return self._stations.open_sessions()

    def is_linked(self, core_id: str) -> bool:
        """Return whether a link to that core is up."""
        return any(link.up and link.core_id == core_id for link in self._links)

    def link_up(self, link: Link, welcome: pb.Welcome) -> None:
        """Use a link from now on."""
        self._stations.welcomed(link, welcome)
        self._change()
        self._reports.flush()

    def link_down(self, link: Link) -> None:
        """Resend over other links what was sent over this one and is not answered."""
        self._stations.unlinked(link)
        self._change()
        self._reroute_calls(link)
        self._reports.link_ended(link)
        self._reports.flush()

    def link_changed(self, link: Link) -> None:
        """Handle that a core serves again, no longer serves, or drains."""
        self._change()
        if link.draining:
            _logger.info("core drains", extra={"core": link.address})
            # It answers what it was sent. What waits for its window goes where new calls go.
            self._reroute_waiting(link)
        elif link.serving:
            self._reports.flush()
        else:
            _logger.warning("core does not serve", extra={"core": link.address})
            # It did not commit these calls, so another core may handle them.
            self._reroute_calls(link)

    def link_item(self, link: Link, kind: str, item: pb.Downstream) -> None:
        """Dispatch an item from a core to the session, the handshake or the rules that it is about."""
        match kind:
            case "answer":
                answer = item.answer
                call = self._pop_call(answer.id)
                if call is not None:
                    call.session.answer(answer)
            case "answer_error":
                call = self._pop_call(item.answer_error.id)
                if call is not None:
                    call.session.answer_error(item.answer_error.error)
            case "admitted":
                self._decide(link, item.admitted.id, item.admitted)
            case "refused":
                self._decide(link, item.refused.id, item.refused)
            case "tolerance_rules":
                self.tolerances.replace(item.tolerance_rules)
            case _:
                self._stations.receive(link, item)

    # Inside.

    def _route(self, session: "Session", action: str | None) -> Link | None:
        if session.route_version != self._version:
            session.route = self._ranking(session.key)
            session.route_version = self._version
        for link in session.route:
            if link.accepts(action):
                return link
        return None

    def _ranking(self, key: tuple[str, str]) -> tuple[Link, ...]:
        """Return the links that are up, by rendezvous hashing: all edges agree, and the order is stable."""
        name = "\0".join(key).encode()

        def score(link: Link) -> bytes:
            return hashlib.blake2b(name, digest_size=8, key=link.core_id.encode()[:64]).digest()

        return tuple(sorted((link for link in self._links if link.up), key=score, reverse=True))

    def _change(self) -> None:
        """Invalidate everything derived from the links, and send the calls that were unrouted."""
        self._version += 1
        self._served = frozenset().union(*(link.known_actions or () for link in self._links))
        self._availability.change(any(link.accepts(None) for link in self._links), self._loop.time())
        self._say_whether_open()
        for call_id, call in list(self._unrouted.items()):
            call.link = self._route(call.session, call.action)
            if call.link is not None:
                del self._unrouted[call_id]
                self._windows[call.link].add(call)
        self._admits.send()

    def _say_whether_open(self) -> None:
        if self._was_open != self.available:
            self._was_open = self.available
            if self.available:
                _logger.info("stations are let in")

    def _reroute_calls(self, link: Link) -> None:
        now = self._loop.time()
        self._windows[link].clear()
        for call_id, call in self._calls.items():
            if call.link is link:
                if call.is_sent:
                    call.data = upstream.resent(call.data)
                    call.is_sent = False
                self._reroute(call_id, call, now)
        self._admits.withdraw(link)

    def _reroute_waiting(self, link: Link) -> None:
        now = self._loop.time()
        for call_id, call in self._calls.items():
            if call.link is link and not call.is_sent:
                self._reroute(call_id, call, now)

    def _reroute(self, call_id: int, call: PendingCall, now: float) -> None:
        call.link = self._route(call.session, call.action)
        if call.link is not None:
            self._windows[call.link].add(call)
        else:
            call.unrouted_since = now
            self._unrouted[call_id] = call

    def _decide(self, link: Link, admit_id: int, decision: "pb.Admitted | pb.Refused") -> None:
        if not self._admits.decide(link, admit_id, decision) and isinstance(decision, pb.Admitted):
            # The handshake timed out. The core must not believe that the station is connected.
            self.report_to("", upstream.closed(decision.session, 1006, "", timestamp()))

    def _pop_call(self, call_id: int) -> PendingCall | None:
        call = self._calls.pop(call_id, None)
        if call is None:
            # Answered before by another core, or its session is gone.
            self._metrics.dropped.inc("late_core_answer")
        else:
            self._end(call_id, call)
        return call

    def _end(self, call_id: int, call: PendingCall) -> None:
        if call.link is None:
            self._unrouted.pop(call_id, None)
        else:
            self._windows[call.link].remove(call)

    def _sweep_calls(self, now: float) -> None:
        # Ids grow, so the oldest come first.
        for call in self._calls.values():
            age = now - call.since
            if age < min(self._limits.hold_time, self._limits.answer_timeout):
                break
            if call.link is None and self.serving and now - call.unrouted_since >= self._limits.hold_time:
                # Some core serves, but none that knows this action.
                call.session.close(1012, "the CSMS can't store messages")
            elif age >= self._limits.answer_timeout:
                call.session.close(1012, "the CSMS did not answer in time")
