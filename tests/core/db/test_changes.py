"""Lists by the time of a change: nothing is missed, whoever commits late or rolls back."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from sqlalchemy import select

from citrine_core.clock import utc_now
from citrine_core.db import UnitOfWork, UnitOfWorkFactory, create_engine
from citrine_core.db.changes import change_time, changed_within
from citrine_core.events import write_events
from citrine_core.resources.tokens import Token
from tests.support.engines import new_engine
from tests.support.waiting import WAIT


@pytest.fixture
async def postgres_work(postgres_url: str) -> AsyncIterator[UnitOfWorkFactory]:
    engine = create_engine(postgres_url, pool_size=20)
    yield UnitOfWorkFactory(engine, write_events)
    await engine.dispose()


async def add(work: UnitOfWork, name: str) -> datetime:
    """Store a token with the time of its change, and do not commit."""
    time = await change_time(work.session, utc_now)
    work.session.add(
        Token(tenant_id="default", lookup=name, type="Central", id_token=name, create_time=time, update_time=time)
    )
    await work.session.flush()
    return time


async def seen(unit_of_work: UnitOfWorkFactory, start: datetime | None = None) -> dict[str, datetime]:
    """Return what a reader sees that asks for what changed since a time, in its order."""
    async with unit_of_work(read_only=True) as work:
        changed = await changed_within(work.session, Token.update_time, start, None)
        query = select(Token.lookup, Token.update_time).where(*changed).order_by(Token.update_time, Token.lookup)
        return {row.lookup: row.update_time for row in await work.session.execute(query)}


async def test_a_change_that_is_committed_late_is_not_passed(postgres_work: UnitOfWorkFactory) -> None:
    async with postgres_work() as late, postgres_work() as early:
        first = await add(late, "late")
        second = await add(early, "early")
        assert first < second
        await early.commit()
        assert await seen(postgres_work) == {}

        await late.commit()
        assert list(await seen(postgres_work)) == ["late", "early"]


async def test_a_change_that_is_rolled_back_holds_nobody_back(postgres_work: UnitOfWorkFactory) -> None:
    async with postgres_work() as work:
        await add(work, "gone")
    async with postgres_work() as work:
        await add(work, "kept")
        await work.commit()

    assert list(await seen(postgres_work)) == ["kept"]


async def test_a_change_is_seen_as_soon_as_it_is_committed(unit_of_work: UnitOfWorkFactory) -> None:
    for name in ("a", "b", "c"):
        async with unit_of_work() as work:
            await add(work, name)
            await work.commit()
        assert list(await seen(unit_of_work))[-1] == name


async def test_a_change_on_sqlite_is_later_than_what_another_core_commits_before_it(sqlite_url: str) -> None:
    engines = [new_engine(sqlite_url) for _ in range(2)]
    one, other = (UnitOfWorkFactory(engine, write_events) for engine in engines)
    begun = asyncio.Event()

    async def change() -> datetime:
        async with other() as work:
            begun.set()
            time = await add(work, "second")
            await work.commit()
            return time

    async with asyncio.timeout(WAIT):
        async with one() as work:
            await add(work, "first")
            changing = asyncio.create_task(change())
            await begun.wait()
            await asyncio.sleep(0)
            # It changes more, at a later time.
            first = await add(work, "first, too")
            await work.commit()
        assert first < await changing
    for engine in engines:
        await engine.dispose()


async def test_a_reader_that_goes_on_from_the_latest_time_misses_nothing(postgres_work: UnitOfWorkFactory) -> None:
    """While writers commit in another order than they got their times, and some not at all."""
    chance, kept, found = random.Random(7), set[str](), list[str]()

    async def write(writer: int) -> None:
        for number in range(25):
            name = f"{writer}-{number}"
            async with postgres_work() as work:
                await add(work, name)
                await asyncio.sleep(chance.random() * 0.01)
                if chance.random() < 0.8:
                    await work.commit()
                    kept.add(name)

    async def read(writing: asyncio.Task[None]) -> None:
        latest = None
        while True:
            is_last = writing.done()
            new = await seen(postgres_work, latest)
            found.extend(name for name in new if name not in found)
            latest = max(new.values(), default=latest)
            if is_last:
                return

    async def write_all() -> None:
        async with asyncio.TaskGroup() as tasks:
            for writer in range(8):
                tasks.create_task(write(writer))

    async with asyncio.timeout(WAIT):
        writing = asyncio.create_task(write_all())
        await read(writing)
        await writing
    assert set(found) == kept
