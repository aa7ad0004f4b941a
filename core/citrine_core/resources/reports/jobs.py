"""Jobs of reports: expiry and retention."""

from datetime import timedelta

from citrine.api.v1 import reports_pb2 as pb
from citrine_core.jobs import Job
from citrine_core.resources.reports.repository import ReportRepository, silent_since
from citrine_core.resources.reports.runs import finish
from citrine_core.services import Services

__all__ = ["ReportExpiry"]

EXPIRY_INTERVAL = timedelta(seconds=10)
"""Interval of the job that ends expired reports."""

RETENTION_INTERVAL = timedelta(hours=1)
"""Interval of the job that deletes old reports."""

GAP_TIME = timedelta(seconds=60)
"""How long a report waits for missing parts after the last part that arrived."""

LOG_TIME = timedelta(hours=24)
"""How long a log waits for the next status of its upload, which is reported when it begins and when it ends."""

MAX_RUNS = 200
"""Largest number of reports changed or removed in one transaction."""


class ReportExpiry:
    """Ends reports that wait for too long, and removes old ones. Several cores may run it."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._timeout = services.settings.report_timeout
        self._retention = services.settings.report_retention

    @property
    def jobs(self) -> list[Job]:
        """The jobs to run."""
        return [
            Job("reports that expire", EXPIRY_INTERVAL, self.expire, due=ReportRepository.silent_since()),
            Job("reports to forget", RETENTION_INTERVAL, self.forget, is_shared=True),
        ]

    async def expire(self) -> None:
        """End every report that was silent for too long. A report with a gap remains in its state."""
        while await self._expire_some():
            pass

    async def forget(self) -> None:
        """Remove reports that are older than the retention."""
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
            # Queried without a writing transaction first, because usually there is none.
            if not await ReportRepository(work.session).find_silent(silent, 1):
                return False
        async with self._unit_of_work() as work:
            runs = await ReportRepository(work.session).find_silent(silent, MAX_RUNS)
            for run in runs:
                if run.state == pb.REPORT_STATE_GAP:
                    # The event was emitted when the last part arrived.
                    run.finish_time = now
                else:
                    run.problem = "nothing more came of it in time"
                    finish(work, run, pb.REPORT_STATE_EXPIRED, now)
            await work.commit()
        return len(runs) == MAX_RUNS
