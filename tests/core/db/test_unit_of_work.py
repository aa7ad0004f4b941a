"""A unit of work whose task is cancelled ends as cancelled, whatever the driver makes of it."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.db import UnitOfWorkFactory, create_engine
from citrine_core.errors import DatabaseUnavailable
from citrine_core.events import write_events


async def test_a_driver_that_fails_when_it_is_cancelled_hides_nothing(unit_of_work: UnitOfWorkFactory) -> None:
    began = asyncio.Event()

    async def work_on() -> None:
        async with unit_of_work(read_only=True):
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ConnectionError("the connection is lost") from None

    task = asyncio.create_task(work_on())
    await began.wait()
    task.cancel()

    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize("error", [TimeoutError("slow"), ConnectionError("lost"), OSError("no such file")], ids=repr)
async def test_what_the_block_raises_by_itself_is_no_outage(unit_of_work: UnitOfWorkFactory, error: OSError) -> None:
    async def fail() -> None:
        async with unit_of_work() as work:
            await work.session.execute(text("SELECT 1"))
            raise error

    with pytest.raises(type(error)) as raised:
        await fail()
    assert raised.value is error


async def test_a_database_that_can_not_be_reached_is_an_outage(tmp_path: Path) -> None:
    async def begin(engine: AsyncEngine) -> None:
        async with UnitOfWorkFactory(engine, write_events)():
            pass

    for url in (f"sqlite+aiosqlite:///{tmp_path}/missing/file.db", "postgresql+asyncpg://nobody@127.0.0.1:9/nothing"):
        engine = create_engine(url)
        with pytest.raises(DatabaseUnavailable):
            await begin(engine)
        await engine.dispose()


@pytest.mark.parametrize("commits", [False, True], ids=["read", "commit"])
async def test_a_task_that_is_cancelled_breaks_no_connection(
    unit_of_work: UnitOfWorkFactory, caplog: pytest.LogCaptureFixture, commits: bool
) -> None:
    """Whenever that happens: each is cancelled a little later than the one before."""

    async def use(database_is_done: asyncio.Event) -> None:
        async with unit_of_work(read_only=not commits) as work:
            await work.session.execute(text("SELECT 1"))
            if commits:
                await work.session.execute(text("UPDATE tenants SET display_name = 'x'"))
            database_is_done.set()
            if commits:
                await work.commit()

    for turns in range(60):
        done = asyncio.Event()
        task = asyncio.create_task(use(done))
        await done.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    for _ in range(3):
        await use(asyncio.Event())

    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_what_follows_a_commit_is_done_where_its_task_is_cancelled_meanwhile(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    """Whenever that happens: what was committed was told, and nothing else."""
    told: set[int] = set()

    async def use(number: int, writes: asyncio.Event) -> None:
        async with unit_of_work() as work:
            await work.session.execute(text("INSERT INTO probe VALUES (:id, CURRENT_TIMESTAMP)"), {"id": number})
            work.after_commit(lambda: told.add(number))
            writes.set()
            await work.commit()

    for number in range(60):
        writes = asyncio.Event()
        task = asyncio.create_task(use(number, writes))
        await writes.wait()
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    async with unit_of_work(read_only=True) as work:
        assert set((await work.session.scalars(text("SELECT id FROM probe"))).all()) == told
    assert told
