"""What the simulator prints."""

import dataclasses
import sys
from typing import Any

import orjson

from citrine_simulator.clock import format_time
from citrine_simulator.events import Event

__all__ = ["Output"]

_QUIET = frozenset({"queued", "queue_empty"})
"""Events that are left out: every message has them."""


class Output:
    """Prints events and the result: lines for people, or JSON objects, one a line."""

    def __init__(self, events: bool, json: bool) -> None:
        self._events = events
        self._json = json

    def event(self, event: Event) -> None:
        """Print an event of a station."""
        if not self._events or event.name in _QUIET:
            return
        if self._json:
            line = {"event": event.name, "time": format_time(event.time), "station": event.station_id}
            self._print_json({**line, **event.fields})
        else:
            self._print(str(event))

    def milestone(self, name: str, **fields: Any) -> None:
        """Print that the scenario has come to a point others wait for."""
        if not self._events:
            return
        if self._json:
            self._print_json({"event": name, **fields})
        else:
            self._print(" ".join([name.replace("_", " "), *(f"{key}={value}" for key, value in fields.items())]))

    def result(self, result: Any) -> None:
        """Print the result, a dataclass; with JSON it is the last line."""
        fields = dataclasses.asdict(result)
        if self._json:
            self._print_json(fields)
            return
        for name, value in fields.items():
            if isinstance(value, dict) and len(value) > SHORT:
                value = f"{len(value)} entries"
            self._print(f"{name.replace('_', ' ')}: {value}")

    def _print_json(self, value: dict[str, Any]) -> None:
        self._print(orjson.dumps(value).decode())

    def _print(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        # Whoever waits for a line is at the other end of a pipe.
        sys.stdout.flush()


SHORT = 8
"""Longer mappings are only counted, in lines for people."""
