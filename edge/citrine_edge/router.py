"""Which core gets what: rendezvous by station, calls that wait for an answer, and what to do without a core."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge import upstream
from citrine_edge.availability import Availability
from citrine_edge.clock import timestamp
from citrine_edge.greeting import OpenSession
from citrine_edge.link import Link
from citrine_edge.metrics import Metrics
from citrine_edge.reports import Reports
from citrine_edge.tolerances import Tolerances

if TYPE_CHECKING:
    from citrine_edge.session import Session

__all__ = ["Router", "RouterLimits", "Stations"]

DISCOVERY = 10.0
"""Seconds after the start in which an action may still turn out to be served by a core that is not linked yet."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RouterLimits:
    """Times in seconds."""

    hold_time: float
    settle_time: float
    answer_timeout: float
    admit_timeout: float
    handshake_rate: float
    """Stations that are let in per second, once all is well."""


class Stations(Protocol):
    """The sessions, for what concerns them."""

    def hello(self) -> pb.Hello:
        """Return what the edge says first on a link, without its sessions."""

    def open_sessions(self) -> Sequence[OpenSession]:
        """Return the open sessions."""

    def welcomed(self, link: Link, welcome: pb.Welcome) -> None:
        """Take note of a new link."""

    def unlinked(self, link: Link) -> None:
        """Take note of a lost link."""

    def receive(self, link: Link, item: pb.Downstream) -> None:
        """Do what a core says about a session."""

    def close_all(self, code: int, reason: str) -> None:
        """Close all sockets, unless a core serves again when their turn comes."""


@dataclass(slots=True)
class _PendingCall:
    session: "Session"
    action: str
    data: bytes
    since: float
    link: Link | None
    unrouted_since: float


@dataclass(slots=True)
class _PendingAdmit:
    callback: "AdmitCallback"
    key: tuple[str, str]
    data: bytes
    since: float
    link: Link | None = None


AdmitCallback = Callable[["pb.Admitted | pb.Refused | None"], None]
"""Gets the core's decision, or None where no core is there to decide."""


class Router:
    """All links of the edge, as one way to the core.

    A call is here from `call` until its session is given the answer, or forgets it. In between it is either owed by
    one link, or held because none takes it. A link that is lost, or whose core can't commit, owes nothing any more:
    its calls go to the next core of their station, in the order of their ids, so that one may reach two cores (they
    recognise it by epoch and id). One answer is brought to the session, whichever comes first.

    All of it runs on the event loop; nothing blocks or awaits. Sessions and handshakes may call in at any time, also
    from within `answer`, `answer_error` and the callbacks of admissions, which are called last: they may lead to the
    next `call`. `take` of the stations may not add or remove links.
    """

    def __init__(self, limits: RouterLimits, metrics: Metrics, loop: asyncio.AbstractEventLoop) -> None:
        self._limits = limits
        self._metrics = metrics
        self._loop = loop
        self._stations: Stations
        self._links: list[Link] = []
        self._version = 0
        self._served: frozenset[str] = frozenset()
        self._last_id = 0
        self._calls: dict[int, _PendingCall] = {}
        self._unrouted: dict[int, _PendingCall] = {}
        self._admits: dict[int, _PendingAdmit] = {}
        self._reports = Reports(self._links, metrics, loop)
        self.tolerances = Tolerances()
        """What operators tolerate, as the cores said last."""
        self._started = loop.time()
        self._availability = Availability(limits.hold_time, limits.settle_time, limits.handshake_rate, self._started)
        # What was last said of it to the log.
        self._was_open = False
        metrics.pending_calls.set_function(lambda: len(self._calls))
        metrics.unrouted_calls.set_function(lambda: len(self._unrouted))
        metrics.link_queue.set_function(lambda: sum(link.queued for link in self._links))
        metrics.links.set_function(lambda: sum(link.up for link in self._links))
        metrics.links_serving.set_function(lambda: sum(link.accepts(None) for link in self._links))

    def start(self, stations: Stations) -> None:
        """Name the sessions' keeper, before the first link."""
        self._stations = stations

    @property
    def serving(self) -> bool:
        """Whether some core serves now."""
        return self._availability.serving

    @property
    def available(self) -> bool:
        """Whether new stations are let in: a core serves, and after an outage it has done so for some seconds."""
        return self._availability.is_open

    def try_let_in(self) -> bool:
        """Return whether one more station may be let in now, and count it: after an outage they come one by one."""
        return self._availability.try_admit(self._loop.time())

    @property
    def links(self) -> tuple[Link, ...]:
        """All links, up or not."""
        return tuple(self._links)

    def add(self, link: Link) -> None:
        """Take one more link, which need not be up."""
        self._links.append(link)
        self._change()

    def remove(self, link: Link) -> None:
        """Forget a link, which must be down."""
        self._links.remove(link)
        self._change()

    # What sessions and handshakes ask for.

    def next_id(self) -> int:
        """Return an id for a call or an admission."""
        self._last_id += 1
        return self._last_id

    def serves(self, action: str) -> bool:
        """Return whether any core, there or away for a moment, serves an action."""
        if action in self._served:
            return True
        unknown = any(link.known_actions is None for link in self._links)
        return unknown and self._loop.time() - self._started < DISCOVERY

    def call(self, session: "Session", call_id: int, action: str, data: bytes) -> None:
        """Bring a station's call to the core; session.answer() or answer_error() is called in the end.

        While no core can take it, it is held.
        """
        now = self._loop.time()
        link = self._route(session, action)
        call = self._calls[call_id] = _PendingCall(session, action, data, now, link, now)
        if link is None:
            self._unrouted[call_id] = call
        else:
            link.push(data)

    def forget(self, call_id: int) -> None:
        """Give up on a call."""
        self._calls.pop(call_id, None)
        self._unrouted.pop(call_id, None)

    def send(self, session: "Session", action: str, data: bytes) -> bool:
        """Bring a SEND to the core; return False where it is dropped."""
        link = self._route(session, action)
        return link is not None and link.offer(data)

    def admit(self, admit_id: int, admit: pb.Admit, callback: AdmitCallback) -> None:
        """Have a core decide on a handshake."""
        data = pb.Upstream(admit=admit).SerializeToString()
        key = (admit.tenant_id, admit.station_id)
        self._admit(admit_id, _PendingAdmit(callback, key, data, self._loop.time()))

    def report(self, data: bytes, session: "Session") -> None:
        """Tell the core of a station that it opened or closed, now or when a core is there."""
        link = self._route(session, None)
        if link is None:
            self._reports.retain(data)
        else:
            self._reports.send(link, data)

    def offer(self, key: tuple[str, str], data: bytes) -> bool:
        """Bring an item about a station, given by tenant and id, to its core; return False where none takes it now."""
        link = next((link for link in self._ranking(key) if link.accepts(None)), None)
        return link is not None and link.offer(data)

    def report_to(self, core_id: str, data: bytes, command_id: str = "") -> None:
        """Tell the core that sent a command how it went; another one where it does not come back."""
        self._reports.send_to_core(core_id, data, command_id)

    def sweep(self) -> None:
        """Enforce what must not take long; to be called several times in hold_time."""
        now = self._loop.time()
        if self._availability.begins_outage(now):
            # Who starts the edge first has lost nothing yet.
            level = logging.ERROR if self._availability.has_served else logging.WARNING
            _logger.log(level, "no core serves: sockets are closed, and stations refused until one does")
            self._stations.close_all(1012, "the CSMS can't store messages")
        self._say_whether_open()
        self._sweep_calls(now)
        for admit_id, admit in list(self._admits.items()):
            if now - admit.since >= self._limits.admit_timeout:
                del self._admits[admit_id]
                admit.callback(None)
        self._reports.flush()

    # What links say.

    def hello(self) -> pb.Hello:
        """Return what the edge says first."""
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
        """Send again what the link owes an answer for."""
        self._stations.unlinked(link)
        self._change()
        self._reroute_calls(link)
        self._reports.link_ended(link)
        self._reports.flush()

    def link_changed(self, link: Link) -> None:
        """Take note that a core can commit, or not, or is about to stop."""
        self._change()
        if link.draining:
            _logger.info("core drains", extra={"core": link.address})
        elif link.serving:
            self._reports.flush()
        else:
            _logger.warning("core does not serve", extra={"core": link.address})
            # What it could not commit, it has not: another core may.
            self._reroute_calls(link)

    def link_item(self, link: Link, item: pb.Downstream) -> None:
        """Bring what a core says to whom it concerns."""
        match item.WhichOneof("item"):
            case "answer":
                call = self._pop_call(item.answer.id)
                if call is not None:
                    call.session.answer(item.answer)
            case "answer_error":
                call = self._pop_call(item.answer_error.id)
                if call is not None:
                    call.session.answer_error(item.answer_error.error)
            case "admitted":
                self._decide(item.admitted.id, item.admitted)
            case "refused":
                self._decide(item.refused.id, item.refused)
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
        """Return the links in a station's order: the same on every edge, and stable when others come and go."""
        name = "\0".join(key).encode()

        def score(link: Link) -> bytes:
            return hashlib.blake2b(name, digest_size=8, key=link.core_id.encode()[:64]).digest()

        return tuple(sorted((link for link in self._links if link.up), key=score, reverse=True))

    def _change(self) -> None:
        """Take note that links have changed: nothing that was computed from them holds."""
        self._version += 1
        self._served = frozenset().union(*(link.known_actions or () for link in self._links))
        self._availability.change(any(link.accepts(None) for link in self._links), self._loop.time())
        self._say_whether_open()
        for call_id, call in list(self._unrouted.items()):
            call.link = self._route(call.session, call.action)
            if call.link is not None:
                del self._unrouted[call_id]
                call.link.push(call.data)

    def _say_whether_open(self) -> None:
        if self._was_open != self.available:
            self._was_open = self.available
            if self.available:
                _logger.info("stations are let in")

    def _reroute_calls(self, link: Link) -> None:
        now = self._loop.time()
        for call_id, call in self._calls.items():
            if call.link is link:
                call.data = upstream.resent(call.data)
                call.link = self._route(call.session, call.action)
                if call.link is not None:
                    call.link.push(call.data)
                else:
                    call.unrouted_since = now
                    self._unrouted[call_id] = call
        for admit_id, admit in list(self._admits.items()):
            if admit.link is link:
                del self._admits[admit_id]
                self._admit(admit_id, admit)

    def _admit(self, admit_id: int, admit: _PendingAdmit) -> None:
        for link in self._ranking(admit.key):
            if link.accepts(None):
                admit.link = link
                self._admits[admit_id] = admit
                link.push(admit.data)
                return
        admit.callback(None)

    def _decide(self, admit_id: int, decision: "pb.Admitted | pb.Refused") -> None:
        admit = self._admits.pop(admit_id, None)
        if admit is not None:
            admit.callback(decision)
        elif isinstance(decision, pb.Admitted):
            # Nobody waits any more, and the core must not believe that the station is there.
            self.report_to("", upstream.closed(decision.session, 1006, "", timestamp()))

    def _pop_call(self, call_id: int) -> _PendingCall | None:
        call = self._calls.pop(call_id, None)
        self._unrouted.pop(call_id, None)
        if call is None:
            # Answered before by another core, or its session is gone.
            self._metrics.dropped.inc("late_core_answer")
        return call

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
