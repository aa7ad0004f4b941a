"""Handshakes on their way to a core: they wait in turn by source, and each core decides on so many at a time."""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.link import Link

__all__ = ["Admits", "Decided", "PendingAdmit"]

FIRST_WINDOW = 4
"""Handshakes that a core is asked at a time at first: after its link came up, and after it could not serve."""

FULL_WINDOW = 256
"""Most handshakes that a core is asked at a time. It reads as many stations in one query."""

UNAVAILABLE = 503

Decided = Callable[["pb.Admitted | pb.Refused | None"], None]
"""Called once with the decision on a handshake, or with None when no core can decide."""


@dataclass(slots=True)
class PendingAdmit:
    """A handshake that a core is to decide on."""

    admit_id: int
    key: tuple[str, str]
    """Tenant and station."""
    source: str
    """Where it comes from; sources take turns."""
    data: bytes
    """The item for the core."""
    since: float
    decided: Decided
    is_wanted: Callable[[], bool]
    """Called when it is its turn. Returns False if the handshake ended meanwhile; `decided` is not called then."""
    link: Link | None = None
    """Of the core that was asked."""


@dataclass(slots=True)
class _Window:
    """How many handshakes one core is asked at a time; like the congestion window of TCP.

    It grows by one with each decision, so it doubles with each round trip: the rate of admissions adapts to how fast
    the core decides. It is halved when a core can't decide.
    """

    size: float = FIRST_WINDOW
    asked: set[int] = field(default_factory=set)

    @property
    def has_place(self) -> bool:
        return len(self.asked) < int(self.size)

    def decided(self, admit_id: int) -> None:
        if admit_id in self.asked:
            self.asked.remove(admit_id)
            self.size = min(FULL_WINDOW, self.size + 1)

    def failed(self, admit_id: int) -> None:
        if admit_id in self.asked:
            self.asked.remove(admit_id)
            self.size = max(FIRST_WINDOW, self.size / 2)


class Admits:
    """Asks cores for decisions on handshakes, as many at a time as each core can decide; the others wait.

    Sources take turns: who sends many handshakes delays its own. Each handshake is decided once, by the first core that
    answers. Each one that is pending was either sent over one link, or waits.

    Args:
        links: All links of the edge, now and later.
        ranking: Returns the links that are up, in the order of a station, given by tenant and id.
    """

    def __init__(self, links: Sequence[Link], ranking: Callable[[tuple[str, str]], Sequence[Link]]) -> None:
        self._links = links
        self._ranking = ranking
        self._pending: dict[int, PendingAdmit] = {}
        # Those that wait by source, each in the order in which they came.
        self._waiting: OrderedDict[str, deque[int]] = OrderedDict()
        self._windows: dict[Link, _Window] = {}

    def add(self, admit: PendingAdmit) -> None:
        """Ask a core for a decision, now or when it is its turn. `decided` may be called before this returns."""
        self._pending[admit.admit_id] = admit
        self._waiting.setdefault(admit.source, deque()).append(admit.admit_id)
        self.send()

    def send(self) -> None:
        """Ask as many as cores have place for. If no core accepts handshakes, all that wait are notified."""
        serving = [link for link in self._links if link.accepts(None)]
        while self._waiting and (not serving or any(self._window(link).has_place for link in serving)):
            admit = self._pending[next(iter(self._waiting.values()))[0]]
            self._dequeue(admit)
            if not serving:
                del self._pending[admit.admit_id]
                admit.decided(None)
            elif not admit.is_wanted():
                del self._pending[admit.admit_id]
            else:
                self._ask(admit)

    def decide(self, link: Link, admit_id: int, decision: "pb.Admitted | pb.Refused") -> bool:
        """Pass on the decision of a core; return False if nobody waits for it any more."""
        window = self._windows.get(link)
        if window is not None:
            is_unable = isinstance(decision, pb.Refused) and decision.status == UNAVAILABLE
            (window.failed if is_unable else window.decided)(admit_id)
        admit = self._pending.pop(admit_id, None)
        if admit is None:
            return False
        admit.decided(decision)
        self.send()
        return True

    def withdraw(self, link: Link) -> None:
        """Have other cores decide what this one was asked: its link ended, or it can't serve."""
        self._windows.pop(link, None)
        for admit in reversed(self._pending.values()):
            if admit.link is link:
                admit.link = None
                self._waiting.setdefault(admit.source, deque()).appendleft(admit.admit_id)
        self.send()

    def expire(self, before: float) -> None:
        """Notify those that came before a time that no core decided."""
        # They are in the order in which they came.
        for admit in list(self._pending.values()):
            if admit.since > before:
                break
            del self._pending[admit.admit_id]
            if admit.link is None:
                self._dequeue(admit)
            else:
                self._window(admit.link).failed(admit.admit_id)
            admit.decided(None)
        self.send()

    def _dequeue(self, admit: PendingAdmit) -> None:
        """Remove the oldest handshake of a source from those that wait; its source is the last one then."""
        ids = self._waiting[admit.source]
        ids.remove(admit.admit_id)
        if ids:
            self._waiting.move_to_end(admit.source)
        else:
            del self._waiting[admit.source]

    def _ask(self, admit: PendingAdmit) -> None:
        for link in self._ranking(admit.key):
            if link.accepts(None) and (window := self._window(link)).has_place:
                window.asked.add(admit.admit_id)
                admit.link = link
                link.push(admit.data)
                return

    def _window(self, link: Link) -> _Window:
        return self._windows.setdefault(link, _Window())
