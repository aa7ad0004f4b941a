"""How many CALLs of one tenant a core has to answer at a time; the others wait on the edge, in order."""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from citrine_edge.link import Link

if TYPE_CHECKING:
    from citrine_edge.session import Session

__all__ = ["CallWindows", "PendingCall"]

WINDOW = 4096
"""CALLs of one tenant that a core has to answer at a time: more than it handles in its next batches, so that the limit
costs nobody time; few enough that what others send does not wait long behind them on the link."""


@dataclass(slots=True)
class PendingCall:
    """A CALL that no core has answered yet."""

    session: "Session"
    action: str
    data: bytes
    """The item for a core."""
    since: float
    link: Link | None
    """Of the core that is to answer it. None: no core accepts it."""
    unrouted_since: float
    is_sent: bool = False
    """Whether it was pushed to its link. False: it waits for the window."""


@dataclass(slots=True)
class _Window:
    sent: int = 0
    waiting: deque[PendingCall] = field(default_factory=deque)


class CallWindows:
    """The windows of all tenants on one link. None of them waits for another.

    Args:
        link: To the core.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._windows: dict[str, _Window] = {}

    def add(self, call: PendingCall, *, may_wait: bool = False) -> None:
        """Push a CALL to the link, now or once enough others of its tenant are answered.

        Args:
            call: Whose link is this one.
            may_wait: Whether its batch may wait for further items.
        """
        tenant_id = call.session.key[0]
        window = self._windows.get(tenant_id)
        if window is None:
            window = self._windows[tenant_id] = _Window()
        if window.sent < WINDOW:
            window.sent += 1
            call.is_sent = True
            self._link.push(call.data, may_wait=may_wait)
        else:
            window.waiting.append(call)

    def remove(self, call: PendingCall) -> None:
        """Drop a CALL of this link: it is answered, or nobody needs the answer. The next one has its place."""
        # One that waits is left out when it is its turn.
        call.link = None
        if not call.is_sent:
            return
        window = self._windows[call.session.key[0]]
        window.sent -= 1
        while window.waiting and window.sent < WINDOW:
            following = window.waiting.popleft()
            if following.link is self._link:
                window.sent += 1
                following.is_sent = True
                self._link.push(following.data)

    def clear(self) -> None:
        """Drop all: the link ended, or its core answers nothing of it."""
        self._windows.clear()
