"""Notices: cores hear of one another's commits at once, also after the connection for it was lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.events.v1.events_pb2 import Event
from citrine_core.clock import utc_now
from citrine_core.db import Notices, UnitOfWorkFactory, create_engine, database_of, notices
from citrine_core.events import EventFeed
from citrine_core.events.feed import Subscription
from tests.support.engines import new_engine
from tests.support.postgres import PostgresServer
from tests.support.proxy import proxied
from tests.support.waiting import PAUSE, WAIT

LISTENERS = (
    "pid <> pg_backend_pid() AND datname = current_database() AND (query LIKE '%pg_notify%' OR query LIKE 'LISTEN%')"
)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(*some: Notices) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in some]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def of(engine: AsyncEngine) -> Notices:
    return database_of(engine).notices(engine)


async def test_another_core_hears_what_one_announces_and_nothing_else(postgres_engine: AsyncEngine) -> None:
    one, other = of(postgres_engine), of(postgres_engine)
    heard: list[str] = []
    async with running(one, other):
        await until(lambda: one.are_heard and other.are_heard)
        for topic in ("work", "play"):
            other.on(topic, lambda topic=topic: heard.append(topic))  # type: ignore[misc]
            one.on(topic, lambda: heard.append("oneself"))
        one.announce("work")
        await until(lambda: bool(heard))

    assert heard == ["work"]


async def test_a_connection_that_is_lost_is_replaced(
    postgres_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "FIRST_PAUSE", 0.05)
    one, other = of(postgres_engine), of(postgres_engine)
    async with running(one, other):
        await until(lambda: one.are_heard and other.are_heard)
        heard: list[str] = []
        other.on("work", lambda: heard.append("work"))
        async with postgres_engine.connect() as connection:
            ended = text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {LISTENERS}")
            assert len((await connection.execute(ended)).all()) == 2
        await until(lambda: not one.are_heard and not other.are_heard)
        await until(lambda: one.are_heard and other.are_heard)
        # Something may have been announced meanwhile.
        assert heard == ["work"]
        one.announce("work")
        await until(lambda: len(heard) == 2)


async def test_a_connection_that_brings_nothing_any_more_is_found_out(
    postgres: PostgresServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that drops packets says nothing of it; nor does a pooler that listens by another connection."""
    monkeypatch.setattr(notices, "CHECK_INTERVAL", 0.1)
    monkeypatch.setattr(notices, "CHECK_TIME", 0.5)
    async with proxied(f"127.0.0.1:{postgres.port}") as proxy:
        engine = new_engine(postgres_url.replace(f":{postgres.port}/", f":{proxy.port}/"))
        one = of(engine)
        async with running(one):
            await until(lambda: one.are_heard)
            proxy.silence()
            await until(lambda: not one.are_heard)
            proxy.heal()
            await until(lambda: one.are_heard)
        await engine.dispose()


async def test_a_file_that_another_process_changed_counts_as_a_notice(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "FILE_INTERVAL", 0.02)
    mine, others = new_engine(sqlite_url), new_engine(sqlite_url)
    one = of(mine)
    heard: list[str] = []
    one.on("work", lambda: heard.append("work"))
    async with running(one):
        while (version := await one.version()) is None:
            await asyncio.sleep(PAUSE)
        async with others.begin() as connection:
            await connection.execute(text("UPDATE tenants SET display_name = 'changed'"))
        await until(lambda: bool(heard))
        assert await one.version() != version
    for engine in (mine, others):
        await engine.dispose()


async def test_a_connection_for_which_the_pool_has_no_place_is_closed_at_the_end(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The pool closes it, which waits for the driver."""
    engine = create_engine(sqlite_url, pool_size=1)
    one = of(engine)
    async with running(one):
        while await one.version() is None:
            await asyncio.sleep(PAUSE)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    assert not [record for record in caplog.records if record.name.startswith("sqlalchemy.pool")]
    await engine.dispose()


class Core:
    """What one core has of the feed of events."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.notices = of(engine)
        # It polls never.
        self.feed = EventFeed(utc_now, 3600.0, self.notices)
        self.unit_of_work = UnitOfWorkFactory(engine, self.feed.write)

    async def commit(self) -> None:
        async with self.unit_of_work() as work:
            work.emit(Event(tenant_id="default", station_id="CS-1"))
            await work.commit()

    async def wake(self, subscription: Subscription) -> None:
        """Commit until a subscriber of another core is woken: until this core has heard that there is one."""
        async with asyncio.timeout(WAIT):
            await self.commit()
            while not await subscription.wait(0.1):
                await self.commit()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        feeding = asyncio.create_task(self.feed.run(self.unit_of_work))
        async with running(self.notices):
            await until(lambda: self.notices.are_heard)
            try:
                yield
            finally:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)


async def test_a_subscriber_is_woken_by_the_commit_of_another_core(postgres_engine: AsyncEngine) -> None:
    one, other = Core(postgres_engine), Core(postgres_engine)
    async with one.running(), other.running():
        with one.feed.subscription("default", 0) as subscription:
            await other.wake(subscription)
            for _ in range(3):
                await other.commit()
                async with asyncio.timeout(WAIT):
                    while not await subscription.wait(20):
                        pass


async def test_a_subscriber_is_woken_by_the_commit_of_a_core_that_started_later(postgres_engine: AsyncEngine) -> None:
    one, other = Core(postgres_engine), Core(postgres_engine)
    async with one.running():
        with one.feed.subscription("default", 0) as subscription:
            assert not await subscription.wait(0.1)
            async with other.running():
                await other.wake(subscription)


async def test_a_core_that_is_alone_announces_no_commit(postgres_engine: AsyncEngine) -> None:
    one, witness = Core(postgres_engine), of(postgres_engine)
    heard: list[str] = []
    async with running(witness):
        await until(lambda: witness.are_heard)
        for topic in ("events", "work"):
            witness.on(topic, lambda topic=topic: heard.append(topic))  # type: ignore[misc]
        async with one.running():
            await one.commit()
            one.notices.announce("work")
            await until(lambda: "work" in heard)

    assert heard == ["work"]


async def test_a_ping_closes_a_connection_for_which_the_pool_has_no_place(
    postgres: PostgresServer, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with proxied(f"127.0.0.1:{postgres.port}") as proxy:
        engine = create_engine(postgres_url.replace(f":{postgres.port}/", f":{proxy.port}/"), pool_size=1)
        async with engine.connect() as connection:
            # It takes long enough to open another one that this one is back in the pool before.
            proxy.delay = 0.1
            pinging = asyncio.create_task(Core(engine).unit_of_work.ping())
            await until(lambda: engine.pool.status().count("Current Checked out connections: 2") == 1)
            await connection.close()
        await pinging
        await engine.dispose()

    assert not [record for record in caplog.records if record.name.startswith("sqlalchemy.pool")]
