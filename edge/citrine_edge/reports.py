"""What cores are told of sessions and commands: retained while no core takes it, resent where it may be lost."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from citrine_edge.link import Link
from citrine_edge.metrics import Metrics

__all__ = ["Reports"]

PATIENCE = 3.0
"""Seconds for which news of a command wait for the core that sent it, before any other gets them."""

RESEND_WITHIN = 15.0
"""Seconds for which a report is remembered, to be made again when its link is lost: nothing says that a core has read
it, and that a core is dead is found within ten. Whoever is told something twice takes note of it once."""

MAX_REPORTS = 100_000
"""Reports that may wait for a core."""


@dataclass(slots=True)
class _Report:
    data: bytes
    since: float
    core_id: str
    command_id: str = ""


class Reports:
    """Items for cores that no core answers."""

    def __init__(self, links: Sequence[Link], metrics: Metrics, loop: asyncio.AbstractEventLoop) -> None:
        """``links`` are all that there are, now or later."""
        self._links = links
        self._metrics = metrics
        self._loop = loop
        self._waiting: deque[_Report] = deque()
        self._sent: deque[_Report] = deque()

    def command_ids(self) -> set[str]:
        """Return the commands of which something was reported lately, or is to be."""
        self._forget_old(self._loop.time())
        return {report.command_id for report in (*self._sent, *self._waiting) if report.command_id}

    def send(self, link: Link, data: bytes, command_id: str = "") -> None:
        """Send an item by a link that is up."""
        self._sent.append(_Report(data, self._loop.time(), link.core_id, command_id))
        link.push(data)

    def send_to_core(self, core_id: str, data: bytes, command_id: str = "") -> None:
        """Send an item, about a command where that is named, to a core once it is linked.

        Where it does not come back, to another one.
        """
        link = self._link_to(core_id)
        if link is not None:
            self.send(link, data, command_id)
        else:
            self.retain(data, core_id, command_id)

    def retain(self, data: bytes, core_id: str = "", command_id: str = "") -> None:
        """Retain an item until a core serves, or that core is linked."""
        if len(self._waiting) >= MAX_REPORTS:
            self._waiting.popleft()
            self._metrics.dropped.inc("report")
        self._waiting.append(_Report(data, self._loop.time(), core_id, command_id))

    def link_ended(self, link: Link) -> None:
        """Resend what was reported by a link of late."""
        now = self._loop.time()
        sent, self._sent = self._sent, deque()
        again = deque[_Report]()
        for report in sent:
            if report.core_id != link.core_id:
                self._sent.append(report)
            elif now - report.since < RESEND_WITHIN:
                again.append(_Report(report.data, now, report.core_id, report.command_id))
        # It is older than what waits.
        self._waiting = again + self._waiting

    def flush(self) -> None:
        """Send what waits to whom it can be sent now; to be called also several times within PATIENCE."""
        now = self._loop.time()
        self._forget_old(now)
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, deque()
        serving = next((link for link in self._links if link.accepts(None)), None)
        for report in waiting:
            link = self._link_to(report.core_id)
            if link is None and (not report.core_id or now - report.since >= PATIENCE):
                link = serving
            if link is None:
                self._waiting.append(report)
            else:
                self.send(link, report.data, report.command_id)

    def _forget_old(self, now: float) -> None:
        while self._sent and now - self._sent[0].since >= RESEND_WITHIN:
            self._sent.popleft()

    def _link_to(self, core_id: str) -> Link | None:
        return next((link for link in self._links if link.up and link.core_id == core_id), None)
