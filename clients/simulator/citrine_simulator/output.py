"""The standard output of the simulator: events and results."""

import dataclasses
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from citrine_simulator.clock import format_time
from citrine_simulator.events import Event

if TYPE_CHECKING:
    from citrine_simulator.fleets.report import Report

__all__ = ["Output"]

_QUIET = frozenset({"queued", "queue_empty"})
"""Events that are not printed, because every message has them."""


class Output:
    """Prints events and the result, as lines for people or as JSON objects, one per line.

    Args:
        events: Whether events are printed.
        json: Whether as JSON.
        unread: Called once nobody reads the output any more, as behind `| head`. From then on nothing is printed.
    """

    def __init__(self, events: bool, json: bool, unread: Callable[[], None] = lambda: None) -> None:
        self._events = events
        self._json = json
        self._unread = unread

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
        """Print that the scenario has reached a point for which other programs wait."""
        if not self._events:
            return
        if self._json:
            self._print_json({"event": name, **fields})
        else:
            self._print(" ".join([name.replace("_", " "), *(f"{key}={value}" for key, value in fields.items())]))

    def result(self, result: Any) -> None:
        """Print the result, a dataclass. With JSON it is the last line."""
        fields = dataclasses.asdict(result)
        if self._json:
            self._print_json(fields)
            return
        for name, value in fields.items():
            if isinstance(value, dict) and len(value) > SHORT:
                value = f"{len(value)} entries"
            self._print(f"{name.replace('_', ' ')}: {value}")

    def fleet(self, report: "Report") -> None:
        """Print a summary of the run of a fleet. With JSON, print its totals and verdict as the last line."""
        sums = report.totals
        if self._json:
            self._print_json(report.model_dump(mode="json", include={"verdict", "totals"}))
            return
        self._print(f"stations: {sums.stations}, {sums.accepted} of them accepted, {sums.connections} connections")
        for action, found in sums.messages.items():
            wrong = {**found.call_errors, "timeouts": found.timeouts, "invalid": found.invalid, "lost": found.lost}
            wrong["lost by fault"] = found.lost_by_fault
            more = "".join(f", {count} {name}" for name, count in wrong.items() if count)
            p95 = "" if found.latency is None else f", p95 {found.latency.p95} ms"
            self._print(f"{action}: {found.sent} sent, {found.accepted} accepted{more}{p95}")
        self._print(
            f"transactions: {sums.transactions} of {sums.transaction_messages} messages, {sums.acknowledged} "
            f"acknowledged, {sums.given_up} given up, {sums.given_up_by_fault} given up by fault, "
            f"{sums.undelivered} undelivered"
        )
        faults = ", ".join(f"{count} {kind}" for kind, count in sums.faults.items())
        self._print(f"faults: {faults or 'none'}")
        problems = ", ".join(f"{count} {name}" for name, count in report.verdict.problems.items())
        self._print(f"failed: {problems}" if problems else "passed")

    def _print_json(self, value: dict[str, Any]) -> None:
        self._print(orjson.dumps(value).decode())

    def _print(self, line: str) -> None:
        try:
            sys.stdout.write(f"{line}\n")
            # Another program may wait for this line at the other end of a pipe.
            sys.stdout.flush()
        except BrokenPipeError:
            # Without this, Python would fail at exit when it flushes the buffer.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._unread()


SHORT = 8
"""Most entries of a mapping that are printed for people. Of a longer one, only the number is printed."""
