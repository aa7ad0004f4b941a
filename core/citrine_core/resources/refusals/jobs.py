"""Jobs of refusals: retention, and the announcement of tolerance rules to edges."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from citrine.edge.v1.link_pb2 import Downstream, ToleranceRules
from citrine_core.jobs import Job
from citrine_core.link.registry import Link
from citrine_core.resources.refusals.protos import rule_to_link
from citrine_core.resources.refusals.repository import RefusalRepository, ToleranceRepository
from citrine_core.services import Services

__all__ = ["RefusalJobs"]

RETENTION_INTERVAL = timedelta(hours=1)
"""Interval of the job that deletes old refusals."""

ANNOUNCE_INTERVAL = timedelta(seconds=10)
"""Longest time until a rule that was set at another core is announced to the edges."""

MAX_ROWS = 500
"""Largest number of rows removed in one transaction."""


class RefusalJobs:
    """Deletes old refusals, and announces all tolerance rules to the edges of this core whenever they change."""

    def __init__(self, services: Services, links: Callable[[], Iterable[Link]]) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._retention = services.settings.refusal_retention
        self._links = links
        self._sent: dict[str, bytes] = {}
        self.announcing = Job("tolerance rules for edges", ANNOUNCE_INTERVAL, self.announce)
        """To be woken when a rule was set or removed, or a link was added."""

    @property
    def jobs(self) -> list[Job]:
        """The jobs to run."""
        return [Job("refusals to forget", RETENTION_INTERVAL, self.forget, is_shared=True), self.announcing]

    def linked(self, link: Link) -> None:
        """Announce the rules to a new link as soon as they are read."""
        self._sent.pop(link.edge_id, None)
        self.announcing.wake()

    async def announce(self) -> None:
        """Announce the rules to every edge that does not have them."""
        links = list(self._links())
        if not links:
            return
        async with self._unit_of_work(read_only=True) as work:
            rules = [rule_to_link(row) for row in await ToleranceRepository(work.session).all()]
        message = ToleranceRules(rules=rules)
        content = message.SerializeToString(deterministic=True)
        for link in links:
            if self._sent.get(link.edge_id) != content:
                link.send(Downstream(tolerance_rules=message))
        self._sent = {link.edge_id: content for link in links}

    async def forget(self) -> None:
        """Delete refusals without an occurrence within the retention."""
        if self._retention is None:
            return
        before, found = self._clock() - self._retention, True
        while found:
            async with self._unit_of_work() as work:
                found = await RefusalRepository(work.session).remove_before(before, MAX_ROWS)
                await work.commit()
