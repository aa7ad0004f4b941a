"""Reports to cores on sessions and commands: retained while no core serves, resent when a link ends."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from citrine_edge.link import Link
from citrine_edge.metrics import Metrics

__all__ = ["Reports"]

PATIENCE = 3.0
"""Seconds that a report on a command waits for the core that sent the command, before another core gets it."""

RESEND_WITHIN = 15.0
"""Seconds for which a sent report is retained, to be resent if its link ends. Cores do not acknowledge reports, and a
dead core is detected within ten seconds. Cores deduplicate reports."""

MAX_REPORTS = 100_000
"""Reports that may wait for a core."""


@dataclass(slots=True)
class _Report:
    data: bytes
    since: float
    core_id: str
    command_id: str = ""


class Reports:
    """Sends reports, which are items that cores do not answer, and resends those that may not have arrived."""

    def __init__(self, links: Sequence[Link], metrics: Metrics, loop: asyncio.AbstractEventLoop) -> None:
        """``links`` is the router's list, which changes."""
        self._links = links
        self._metrics = metrics
        self._loop = loop
        self._waiting: deque[_Report] = deque()
        self._sent: deque[_Report] = deque()

    def command_ids(self) -> set[str]:
        """Return the ids of commands with a report that was sent lately, or waits."""
        self._forget_old(self._loop.time())
        return {report.command_id for report in (*self._sent, *self._waiting) if report.command_id}

    def send(self, link: Link, data: bytes, command_id: str = "") -> None:
        """Send an item by a link that is up."""
        self._sent.append(_Report(data, self._loop.time(), link.core_id, command_id))
        link.push(data)

    def send_to_core(self, core_id: str, data: bytes, command_id: str = "") -> None:
        """Send an item to a core as soon as it is linked; to another core if that takes longer than PATIENCE."""
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
        """Queue the recent reports of a link that ended, to be resent."""
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
        """Send the reports that can be sent now. Must be called several times within PATIENCE."""
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
