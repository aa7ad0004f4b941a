"""What happens to reports by itself: they expire, and are forgotten."""

from datetime import timedelta

from citrine.api.v1 import reports_pb2 as pb
from citrine_core.jobs import Job
from citrine_core.resources.reports.repository import ReportRepository, silent_since
from citrine_core.resources.reports.runs import finish
from citrine_core.services import Services

__all__ = ["ReportExpiry"]

EXPIRY_INTERVAL = timedelta(seconds=10)
"""Time from one look for reports that expired to the next."""

RETENTION_INTERVAL = timedelta(hours=1)
"""Time from one look for reports to forget to the next."""

GAP_TIME = timedelta(seconds=60)
"""How long missing parts are waited for once the last one and nothing after it came."""

LOG_TIME = timedelta(hours=24)
"""How long the next status of an upload is waited for: a log is told of when its upload begins and when it ends."""

MAX_RUNS = 200
"""Reports that are changed or removed in one transaction at most."""


class ReportExpiry:
    """Ends reports of which nothing more comes, and removes old ones; several cores may do so."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._timeout = services.settings.report_timeout
        self._retention = services.settings.report_retention

    @property
    def jobs(self) -> list[Job]:
        """What is to be run."""
        return [
            Job("reports that expire", EXPIRY_INTERVAL, self.expire),
            Job("reports to forget", RETENTION_INTERVAL, self.forget),
        ]

    async def expire(self) -> None:
        """End every report of which nothing was heard for too long; one with a gap keeps its state."""
        while await self._expire_some():
            pass

    async def forget(self) -> None:
        """Remove reports that are older than they are kept."""
        if self._retention is None:
            return
        before = self._clock() - self._retention
        while True:
            async with self._unit_of_work() as work:
                if not await ReportRepository(work.session).remove_before(before, MAX_RUNS):
                    return
                await work.commit()

    async def _expire_some(self) -> bool:
        now = self._clock()
        silent = silent_since(now - min(GAP_TIME, self._timeout), now - LOG_TIME, now - self._timeout)
        async with self._unit_of_work(read_only=True) as work:
            # Looked for before it is a writer's turn: mostly there is none.
            if not await ReportRepository(work.session).find_silent(silent, 1):
                return False
        async with self._unit_of_work() as work:
            runs = await ReportRepository(work.session).find_silent(silent, MAX_RUNS)
            for run in runs:
                if run.state == pb.REPORT_STATE_GAP:
                    # Told when the last part came.
                    run.finish_time = now
                else:
                    run.problem = "nothing more came of it in time"
                    finish(work, run, pb.REPORT_STATE_EXPIRED, now)
            await work.commit()
        return len(runs) == MAX_RUNS
