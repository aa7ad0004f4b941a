"""Tests of what blocks do by themselves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from citrine_core.errors import DatabaseUnavailable
from citrine_core.jobs import FIRST_RUNS, Job, first_runs
from tests.support.waiting import WAIT

NEVER = timedelta(days=1)


class Work:
    """Something to do, which may go wrong."""

    def __init__(self) -> None:
        self.runs: asyncio.Queue[int] = asyncio.Queue()
        self.count = 0
        self.errors: list[Exception] = []

    async def do(self) -> None:
        self.count += 1
        self.runs.put_nowait(self.count)
        if self.errors:
            raise self.errors.pop()


@contextlib.asynccontextmanager
async def repeated(job: Job) -> AsyncIterator[None]:
    running = asyncio.create_task(job.repeat())
    yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def run_of(work: Work) -> int:
    async with asyncio.timeout(WAIT):
        return await work.runs.get()


async def test_a_job_runs_at_once_and_where_it_is_woken() -> None:
    work = Work()
    job = Job("test", NEVER, work.do)

    async with repeated(job):
        assert await run_of(work) == 1
        job.wake()
        assert await run_of(work) == 2


async def test_a_job_with_nothing_to_do_looks_less_often_until_it_is_woken() -> None:
    work = Work()
    waits = [True, True, False]

    async def run() -> bool:
        await work.do()
        return waits.pop(0) if waits else False

    job = Job("test", timedelta(milliseconds=1), run, idle_interval=NEVER)

    async with repeated(job):
        assert [await run_of(work) for _ in range(3)] == [1, 2, 3]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await work.runs.get()
        waits.append(True)
        job.wake()
        assert [await run_of(work) for _ in range(2)] == [4, 5]


async def test_a_job_waits_for_its_first_run_unless_it_is_woken() -> None:
    work = Work()
    job = Job("test", NEVER, work.do)
    running = asyncio.create_task(job.repeat(after=NEVER.total_seconds()))
    # It has got to where it waits.
    await asyncio.sleep(0)

    assert work.count == 0
    job.wake()
    assert await run_of(work) == 1

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_job_runs_for_the_first_time_after_its_turn() -> None:
    work = Work()
    running = asyncio.create_task(Job("test", NEVER, work.do).repeat(after=0.001))

    assert await run_of(work) == 1

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_the_first_runs_of_jobs_are_spread_over_the_first_part_of_their_interval() -> None:
    work = Work()
    second, hour = timedelta(seconds=1), timedelta(hours=1)
    jobs = [
        Job("often", second, work.do),
        Job("as the others run", second, work.do, at_start=True),
        Job("seldom", hour, work.do),
        Job("often, too", second, work.do),
    ]

    assert list(first_runs(jobs)) == [
        (jobs[0], 0.25),
        (jobs[1], 0.0),
        (jobs[2], 0.75 * FIRST_RUNS),
        (jobs[3], 1.0),
    ]


async def test_a_job_runs_at_its_interval() -> None:
    work = Work()

    async with repeated(Job("test", timedelta(milliseconds=1), work.do)):
        assert [await run_of(work) for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("error", [DatabaseUnavailable(), LookupError("a defect")], ids=["outage", "defect"])
async def test_a_job_that_fails_comes_again(error: Exception) -> None:
    work = Work()
    work.errors.append(error)
    job = Job("test", NEVER, work.do)

    async with repeated(job):
        assert await run_of(work) == 1
        job.wake()
        assert await run_of(work) == 2


async def test_a_job_ends_even_if_what_it_does_hides_that_it_is_cancelled() -> None:
    """As drivers do whose connection is no good after a statement that was cancelled."""
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise DatabaseUnavailable from None

    running = asyncio.create_task(Job("test", NEVER, wait).repeat())
    await begun.wait()
    running.cancel()

    async with asyncio.timeout(WAIT):
        await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
