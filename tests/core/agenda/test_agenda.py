"""The agenda: shared jobs run when they are due, where they are woken, and on one core otherwise."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.agenda import Agenda, Lease, agenda
from citrine_core.background import DEFECTS
from citrine_core.clock import utc_now
from citrine_core.db import Due, UnitOfWorkFactory, database_of
from citrine_core.events.models import OutboxEvent
from citrine_core.jobs import Job
from tests.support.statements import statements
from tests.support.waiting import WAIT

NEVER = timedelta(days=1)

OFTEN = timedelta(milliseconds=1)

DUE: Due = select(func.min(OutboxEvent.create_time))
"""Due at the time of the first event that is stored; the name of its tenant is the job's."""


NOT_DUE: Due = DUE.where(OutboxEvent.kind == "none")
"""Never due."""


class Site:
    """A database with cores."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.unit_of_work = UnitOfWorkFactory(engine, lambda *_: asyncio.sleep(0))
        self.ran: asyncio.Queue[str] = asyncio.Queue()

    async def make_due(self, after: timedelta = timedelta(0)) -> None:
        async with self.unit_of_work() as work:
            values = {
                "tenant_id": "default",
                "station_id": "",
                "kind": "",
                "payload": b"",
                "create_time": utc_now() + after,
            }
            work.session.add(OutboxEvent(**values))
            await work.commit()

    def job(self, name: str, due: Due | None = DUE, interval: timedelta = OFTEN) -> Job:
        """A job that does what is due; one with another due time does nothing."""

        async def run() -> None:
            if due is not DUE or await self.do_what_is_due():
                self.ran.put_nowait(name)

        return Job(name, interval, run, due=due, is_shared=True)

    async def do_what_is_due(self) -> int:
        async with self.unit_of_work() as work:
            table = OutboxEvent.metadata.tables["outbox"]
            found = await work.session.execute(table.delete().where(table.c.create_time <= utc_now()))
            await work.commit()
        return found.rowcount  # type: ignore[attr-defined, no-any-return]

    @contextlib.asynccontextmanager
    async def core(self, core_id: str, *jobs: Job) -> AsyncIterator[Agenda]:
        """Run a core with jobs."""
        notices = database_of(self.engine).notices(self.engine)
        lease = Lease("jobs", core_id, self.unit_of_work, utc_now)
        one = Agenda(jobs, lease, self.unit_of_work, utc_now, notices)
        running = asyncio.create_task(one.run())
        hearing = asyncio.create_task(notices.run())
        try:
            yield one
        finally:
            for task in (running, hearing):
                task.cancel()
            await asyncio.gather(running, hearing, return_exceptions=True)

    async def next_run(self, within: float = 10.0) -> str:
        async with asyncio.timeout(within):
            return await self.ran.get()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def looking(site: Site, core_id: str, *jobs: Job) -> AsyncIterator[Agenda]:
    """Run a core that acts, and has asked once what is due."""
    with statements(site.engine) as seen:
        async with site.core(core_id, *jobs) as one:
            await until(lambda: one._acts and any("min(outbox" in statement for statement, _ in seen))
            yield one


@pytest.fixture
def site(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(agenda, "SOON", 0.05)
    return Site(engine)


async def test_a_job_runs_for_what_is_due_already(site: Site) -> None:
    await site.make_due()
    async with site.core("one", site.job("job")):
        assert await site.next_run() == "job"


async def test_a_job_runs_for_what_is_committed_soon_after(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agenda, "LOOK_INTERVAL", 3600.0)
    async with looking(site, "one", site.job("job")):
        await site.make_due()
        assert await site.next_run() == "job"


async def test_a_job_runs_when_its_time_comes_and_not_before(site: Site) -> None:
    async with site.core("one", site.job("job")):
        due = utc_now() + timedelta(seconds=0.7)
        await site.make_due(timedelta(seconds=0.7))
        assert await site.next_run() == "job"
        assert timedelta(0) <= utc_now() - due < timedelta(seconds=2)


async def test_a_job_that_is_woken_runs_at_once_on_its_core_whoever_acts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = site.job("mine", NOT_DUE), site.job("other's", NOT_DUE)
    async with looking(site, "one", mine):
        monkeypatch.setattr("citrine_core.agenda.lease.CHECK_TIME", timedelta(0))
        async with looking(site, "other", other):
            other.wake()
            assert await site.next_run() == "other's"


async def test_what_another_core_commits_is_found_without_a_poll(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agenda, "LOOK_INTERVAL", 3600.0)
    monkeypatch.setattr("citrine_core.db.notices.FILE_INTERVAL", 0.05)
    monkeypatch.setattr("citrine_core.agenda.lease.RENEWAL_TIME", timedelta(0))
    monkeypatch.setattr("citrine_core.agenda.lease.CHECK_TIME", timedelta(seconds=1))
    other = Site(site.engine)
    async with looking(site, "one", site.job("job")), other.core("other", site.job("job")) as second:
        await until(lambda: not second._acts and second._notices.are_heard == (database_of(site.engine).lanes > 1))
        await other.make_due()
        assert await site.next_run(30) == "job"


async def test_a_job_without_a_due_time_runs_at_its_interval_on_the_core_that_acts(site: Site) -> None:
    async with site.core("one", site.job("sweep", None, timedelta(seconds=0.1))):
        assert [await site.next_run() for _ in range(3)] == 3 * ["sweep"]


async def test_one_statement_asks_for_all_jobs(site: Site) -> None:
    jobs = [site.job(f"job {number}", interval=NEVER) for number in range(5)]
    with statements(site.engine) as seen:
        async with site.core("one", *jobs):
            await until(lambda: any("min(outbox" in statement for statement, _ in seen))
    assert len([statement for statement, _ in seen if "min(outbox" in statement]) == 1


async def test_a_query_that_fails_stops_no_other_job(site: Site) -> None:
    broken: Due = select(literal("no time").op("COLLATE")(text("nothing")))
    before = DEFECTS.labels("agenda")._value.get()
    await site.make_due()
    async with site.core("one", site.job("good"), site.job("broken", broken, NEVER)):
        assert "good" in [await site.next_run(), await site.next_run()]
    assert DEFECTS.labels("agenda")._value.get() > before
