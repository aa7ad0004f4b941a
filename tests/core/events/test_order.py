"""The horizon of the outbox: nothing is missed, whoever commits late, rolls back or stands still."""

import asyncio
import random
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.events.v1.events_pb2 import Event, StationConnected
from citrine_core.clock import utc_now
from citrine_core.db import UnitOfWork, UnitOfWorkFactory, create_engine, partitions
from citrine_core.db.partitions import add_partitions, advance_sequences
from citrine_core.errors import DatabaseUnavailable
from citrine_core.events import EventFeed, OutboxRepository, write_events
from citrine_core.events.repository import Horizon
from tests.support.postgres import PostgresServer
from tests.support.waiting import WAIT

LISTENERS = ("default", "other")


def event(number: int, station_id: str = "S-1", tenant_id: str = "default") -> Event:
    return Event(tenant_id=tenant_id, station_id=station_id, station_connected=StationConnected(epoch=number))


@pytest.fixture
async def postgres_work(postgres_url: str) -> AsyncIterator[UnitOfWorkFactory]:
    engine = create_engine(postgres_url, pool_size=20)
    yield UnitOfWorkFactory(engine, write_events)
    await engine.dispose()


async def inserted(work: UnitOfWork, *events: Event) -> None:
    """Insert events as a commit does, and do not commit."""
    await OutboxRepository(work.session).add_all(events, utc_now())
    await work.rehearse()


async def seen(unit_of_work: UnitOfWorkFactory, after: int = 0) -> tuple[list[int], int]:
    """Return the epochs of the events that a reader sees after an id, and the id it goes on after."""
    async with unit_of_work(read_only=True) as work:
        outbox = OutboxRepository(work.session)
        horizon = await outbox.horizon()
        rows = await outbox.list("default", after=after, through=horizon.through, limit=1000)
    return [Event.FromString(row.payload).station_connected.epoch for row in rows], rows[-1].id if rows else after


async def horizon_of(unit_of_work: UnitOfWorkFactory) -> Horizon:
    async with unit_of_work(read_only=True) as work:
        return await OutboxRepository(work.session).horizon()


async def test_an_event_that_is_committed_late_is_not_passed(postgres_work: UnitOfWorkFactory) -> None:
    async with postgres_work() as late, postgres_work() as early:
        await inserted(late, event(1))
        await inserted(early, event(2))
        await early.commit()
        assert await seen(postgres_work) == ([], 0)
        assert (await horizon_of(postgres_work)).is_behind

        await late.commit()
        assert (await seen(postgres_work))[0] == [1, 2]
        assert not (await horizon_of(postgres_work)).is_behind


async def test_the_first_event_of_all_is_not_passed(postgres_work: UnitOfWorkFactory) -> None:
    """A sequence that gave nothing says as its last value the first that it will give."""
    assert await horizon_of(postgres_work) == Horizon(0, is_behind=False)
    async with postgres_work() as first:
        await inserted(first, event(1))
        assert await horizon_of(postgres_work) == Horizon(0, is_behind=True)
        async with postgres_work() as second:
            second.emit(event(2))
            await second.commit()
        assert await horizon_of(postgres_work) == Horizon(0, is_behind=True)
        await first.commit()
    assert (await seen(postgres_work))[0] == [1, 2]


@pytest.mark.parametrize("number", [1, 2, 16, 300])
async def test_events_are_announced_before_an_id_is_assigned(postgres_work: UnitOfWorkFactory, number: int) -> None:
    """By one statement: whatever its plan is, the bound is below all ids of the transaction."""
    async with postgres_work() as work:
        work.emit(event(0))
        await work.commit()
    async with postgres_work() as writer:
        await inserted(writer, *(event(one) for one in range(1, number + 1)))
        assert await horizon_of(postgres_work) == Horizon(1, is_behind=True)
        await writer.commit()
    assert await seen(postgres_work, after=1) == (list(range(1, number + 1)), number + 1)


async def test_what_was_rolled_back_and_what_the_sequence_jumps_over_is_not_waited_for(
    postgres_work: UnitOfWorkFactory,
) -> None:
    async with postgres_work() as work:
        await inserted(work, event(1), event(2))
    async with postgres_work() as work:
        await work.session.execute(text("SELECT setval('outbox_id_seq', 1000)"))
        work.emit(event(3))
        await work.commit()

    assert await seen(postgres_work) == ([3], 1001)


async def test_writers_wait_for_nobody(postgres_work: UnitOfWorkFactory) -> None:
    async with postgres_work() as standing:
        await inserted(standing, event(1))
        async with asyncio.timeout(WAIT):
            for number in range(2, 12):
                async with postgres_work() as work:
                    work.emit(event(number))
                    await work.commit()
    # Its end without a commit is the end of waiting for it.
    assert (await seen(postgres_work))[0] == list(range(2, 12))


async def test_a_writer_that_announced_itself_long_before_holds_back_only_what_may_be_its_own(
    postgres_work: UnitOfWorkFactory,
) -> None:
    async with postgres_work() as work:
        work.emit(event(1))
        await work.commit()
    async with postgres_work() as standing:
        await inserted(standing, event(2))
        async with postgres_work() as work:
            work.emit(event(3))
            await work.commit()
        assert (await seen(postgres_work))[0] == [1]
        # A token that was given when the horizon was higher is one all the same.
        async with postgres_work(read_only=True) as work:
            assert await OutboxRepository(work.session).is_given(3)
            assert not await OutboxRepository(work.session).is_given(4)


async def test_a_day_is_not_dropped_while_an_event_of_it_may_be_committed(
    postgres_work: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its core got an id on that day and has not committed since."""
    later = utc_now() + timedelta(days=2)
    async with postgres_work() as work:
        await add_partitions(work.session, later)
        await advance_sequences(work.session, later)
        await work.commit()
    async with postgres_work() as late:
        # As if it had got its id before the day changed.
        await late.session.execute(text("SELECT setval('outbox_id_seq', 1, false)"))
        await inserted(late, event(1))
        with monkeypatch.context() as impatience:
            impatience.setattr(partitions, "LOCK_TIMEOUT", "20ms")
            async with postgres_work() as work:
                with pytest.raises(DatabaseUnavailable):
                    await OutboxRepository(work.session).remove_before(later, 100)
        await late.commit()

    assert (await seen(postgres_work))[0] == [1]
    async with postgres_work() as work:
        # Its day is over, and it is as old as the others of it.
        assert await OutboxRepository(work.session).remove_before(later, 100)
        assert await OutboxRepository(work.session).pruned_through() == 1


async def test_other_databases_of_the_server_hold_back_nothing(
    postgres_work: UnitOfWorkFactory, empty_postgres_url: str
) -> None:
    other = create_engine(empty_postgres_url)
    async with other.begin() as connection:
        await connection.execute(text(f"SELECT pg_advisory_xact_lock_shared({0x6F62} :: bigint << 48)"))
        async with postgres_work() as work:
            work.emit(event(1))
            await work.commit()
        assert (await seen(postgres_work))[0] == [1]
    await other.dispose()


async def test_a_dump_that_is_restored_goes_on_where_it_was(
    postgres: PostgresServer, postgres_work: UnitOfWorkFactory, postgres_url: str, empty_postgres_url: str
) -> None:
    """Nothing of the order is stored but the sequence; tokens from before are as good as ever."""
    for number in (1, 2):
        async with postgres_work() as work:
            work.emit(event(number))
            await work.commit()
    async with postgres_work() as lost:
        await inserted(lost, event(3))
        token = (await seen(postgres_work))[1]
        restore(postgres, postgres_url, empty_postgres_url)

    engine = create_engine(empty_postgres_url)
    restored = UnitOfWorkFactory(engine, write_events)
    assert await seen(restored) == ([1, 2], token)
    async with restored() as work:
        assert await OutboxRepository(work.session).is_given(token)
        work.emit(event(4))
        await work.commit()
    assert (await seen(restored, after=token))[0] == [4]
    await engine.dispose()


def restore(server: PostgresServer, source: str, target: str) -> None:
    """Copy a database by a dump."""
    names = [url.replace("postgresql+asyncpg", "postgresql") for url in (source, target)]
    dump = subprocess.run([server.program("pg_dump"), names[0]], check=True, capture_output=True).stdout
    subprocess.run(
        [server.program("psql"), "-q", "-v", "ON_ERROR_STOP=1", names[1]], check=True, input=dump, capture_output=True
    )


async def test_sqlite_has_one_writer(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    unit_of_work = UnitOfWorkFactory(engine, write_events)
    async with unit_of_work() as work:
        await inserted(work, event(1))
        assert not (await horizon_of(unit_of_work)).is_behind
        assert await seen(unit_of_work) == ([], 0)
        await work.commit()
    assert (await seen(unit_of_work))[0] == [1]
    await engine.dispose()


class Reader:
    """A subscriber that begins anew by its token, again and again."""

    def __init__(self, feed: EventFeed, unit_of_work: UnitOfWorkFactory, tenant_id: str) -> None:
        self._feed = feed
        self._unit_of_work = unit_of_work
        self.tenant_id = tenant_id
        self.ids: list[int] = []
        self.events: list[Event] = []

    async def follow(self, chance: random.Random) -> None:
        """Follow until cancelled."""
        position = 0
        while True:
            async with self._unit_of_work(read_only=True) as work:
                outbox = OutboxRepository(work.session)
                assert await outbox.is_given(position)
                head = await outbox.head()
            with self._feed.subscription(self.tenant_id, head) as subscription:
                for _ in range(chance.randint(1, 10)):
                    position = await self._read(position, subscription.head)
                    await subscription.wait(0.05)

    async def _read(self, position: int, through: int) -> int:
        async with self._unit_of_work(read_only=True) as work:
            outbox = OutboxRepository(work.session)
            rows = await outbox.list(self.tenant_id, after=position, through=through, limit=1000)
        self.ids += [row.id for row in rows]
        self.events += [Event.FromString(row.payload) for row in rows]
        return max(position, through)


@pytest.mark.parametrize("seed", [1, 2])
async def test_followers_miss_nothing_of_many_writers(engine: AsyncEngine, seed: int) -> None:
    """Writers commit late, out of order, or never; each reader sees all of its tenant once, per station in order."""
    chance = random.Random(seed)
    feeds = [EventFeed(poll_interval=0.05) for _ in range(2)]
    # Two processes: each wakes its own readers, and finds by itself what the other one writes.
    works = [UnitOfWorkFactory(engine, feed.write) for feed in feeds]
    committed: dict[str, list[int]] = {}

    async def write(writer: int) -> None:
        station_id = f"S-{writer}"
        for number in range(25):
            tenant_id = chance.choice(LISTENERS)
            events = [event(number * 3 + part, station_id, tenant_id) for part in range(chance.randint(1, 3))]
            is_late, is_left = chance.random() < 0.3, chance.random() < 0.3
            async with works[writer % 2]() as work:
                if not is_late:
                    for one in events:
                        work.emit(one)
                else:
                    # It has its ids, does not end yet, and wakes nobody.
                    await inserted(work, *events)
                    await asyncio.sleep(chance.random() * 0.05)
                if not is_left:
                    await work.commit()

    processes = list(zip(feeds, works, strict=True))
    readers = [Reader(feed, work, tenant_id) for feed, work in processes for tenant_id in LISTENERS]
    running = [asyncio.create_task(feed.run(work)) for feed, work in processes]
    running += [asyncio.create_task(reader.follow(random.Random(chance.random()))) for reader in readers]
    async with asyncio.timeout(WAIT):
        await asyncio.gather(*(write(writer) for writer in range(6)))
        async with works[0](read_only=True) as work:
            for tenant_id in LISTENERS:
                rows = await OutboxRepository(work.session).list(tenant_id, after=0, through=2**62, limit=10_000)
                committed[tenant_id] = [row.id for row in rows]
        while any(len(reader.ids) < len(committed[reader.tenant_id]) for reader in readers):
            await asyncio.sleep(0.01)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)

    for reader in readers:
        assert reader.ids == committed[reader.tenant_id]
        by_station: dict[str, list[int]] = defaultdict(list)
        for one in reader.events:
            by_station[one.station_id].append(one.station_connected.epoch)
        assert all(numbers == sorted(numbers) for numbers in by_station.values())
