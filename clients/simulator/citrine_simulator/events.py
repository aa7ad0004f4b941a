"""Events of a station, for listeners and waiters."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["Event", "Events"]

_STATES = {
    "connected": "connection",
    "disconnected": "connection",
    "accepted": "registration",
    "pending": "registration",
    "rejected": "registration",
    "queue_empty": "queue",
    "queued": "queue",
}
"""Events that begin a state, each with its group. A state lasts until the next event of its group."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a station."""

    time: datetime
    station_id: str
    name: str
    fields: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        fields = {key: round(value, 3) if type(value) is float else value for key, value in self.fields.items()}
        more = "".join(f" {key}={value}" for key, value in fields.items() if value is not None)
        return f"{self.time:%H:%M:%S} {self.station_id} {self.name.replace('_', ' ')}{more}"


Listener = Callable[[Event], None]


class Events:
    """Distributes events and remembers the current states."""

    def __init__(self, station_id: str, now: Callable[[], datetime], listener: Listener | None = None) -> None:
        self._station_id = station_id
        self._now = now
        self._listener = listener
        self._states: dict[str, Event] = {}
        self._waiting: set[tuple[str, asyncio.Future[Event]]] = set()

    def emit(self, name: str, **fields: Any) -> None:
        """Notify the listener and the waiters of an event."""
        event = Event(self._now(), self._station_id, name, fields)
        if name in _STATES:
            self._states[_STATES[name]] = event
        for waiting in [one for one in self._waiting if one[0] == name]:
            self._waiting.discard(waiting)
            if not waiting[1].done():
                waiting[1].set_result(event)
        if self._listener is not None:
            self._listener(event)

    def holds(self, name: str) -> Event | None:
        """Return the event that began the current state, if it has this name."""
        state = self._states.get(_STATES.get(name, ""))
        return state if state is not None and state.name == name else None

    def expect(self, name: str) -> asyncio.Future[Event]:
        """Return a future of the next event with this name."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._waiting.add((name, future))
        future.add_done_callback(lambda done: self._waiting.discard((name, done)))
        return future
