"""The fast path: messages that use no database are answered without a lane and a transaction."""

import time
from collections.abc import Callable

from citrine.edge.v1.link_pb2 import Downstream, StationCall
from citrine.ocpp.actions import action_of, set_response, unwrap
from citrine_core.dispatch.lanes import Item, to_call
from citrine_core.dispatch.routes import Route, Routes

__all__ = ["FastPath"]

CURRENT_FOR = 15 * 60.0
"""Seconds for which a session counts as the newest of its station after a lane found that it is: longer than stations
are silent, which send a heartbeat every five minutes unless configured otherwise.

Whoever ends a session has its edge close the websocket at once, and an edge that could not be reached does so when it
links anew. This limit is for what neither of them reaches."""


class FastPath:
    """Answers messages whose handlers are marked `at_once`, and submits all others to the lanes.

    It answers only if a lane found a while ago, by such a message, that the session is open and the newest of its
    station. So the first one of a session goes through its lane, and the next one a quarter of an hour after the last
    that did. Messages with customData always do.

    Call everything from the event loop's thread; every method returns at once.

    Args:
        routes: The handlers.
        submit: Puts an item into its lane.
        is_open: If False, all messages go through the lanes.
        observe: Called once for each message that was answered here.
        monotonic: Returns the seconds of a monotonic clock.
    """

    def __init__(
        self,
        routes: Routes,
        submit: Callable[[Item], None],
        *,
        is_open: bool = True,
        observe: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._submit = submit
        self._observe = observe
        self._monotonic = monotonic
        self._routes: dict[str | None, Route] = {
            action_of(message).field: route for message, route in routes.calls.items() if route.mark.at_once and is_open
        }
        self._current: dict[tuple[str, str], tuple[int, str, float]] = {}
        """The newest epoch, its edge and when it expires, by tenant and station. What expires first comes first."""

    def submit(self, item: Item) -> None:
        """Answer a message of an edge, or put it into its lane."""
        content = item.content
        if type(content) is StationCall:
            route = self._routes.get(content.request.WhichOneof("message"))
            if route is not None and self._is_current(item) and unwrap(content.request).ByteSize() == 0:
                downstream = Downstream()
                downstream.answer.id = content.id
                set_response(downstream.answer.response, route.method(to_call(item)))
                item.reply(downstream)
                self._observe()
                return
        self._submit(item)

    def found_current(self, item: Item) -> None:
        """Remember that the session of a message is open and the newest of its station."""
        if item.content.request.WhichOneof("message") not in self._routes:
            return
        now = self._monotonic()
        key = (item.tenant_id, item.station_id)
        self._current.pop(key, None)
        self._current[key] = (item.content.session.epoch, item.edge_id, now + CURRENT_FOR)
        while self._current and next(iter(self._current.values()))[2] <= now:
            del self._current[next(iter(self._current))]

    def _is_current(self, item: Item) -> bool:
        epoch, edge_id, until = self._current.get((item.tenant_id, item.station_id), (None, "", 0.0))
        return epoch == item.content.session.epoch and edge_id == item.edge_id and self._monotonic() < until
