"""Samples are partitioned by month on PostgreSQL."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from citrine_core.db import UnitOfWorkFactory, create_engine
from citrine_core.db.partitions import add_partitions, drop_partitions_before, is_partition
from citrine_core.db.schema_version import schema_is_current
from tests.support.databases import somebody_waits

INSERT = text(
    "INSERT INTO samples (tenant_id, station_id, sample_time, digest, position, measurand, value)"
    " VALUES ('default', 'CS', :time, 1, 0, 1, 1.0)"
)


async def _tables(session: AsyncSession) -> list[str]:
    rows = await session.scalars(text("SELECT tableoid\\:\\:regclass\\:\\:text FROM samples ORDER BY sample_time"))
    return list(rows)


async def test_months_to_come_are_created_once(postgres_engine: AsyncEngine) -> None:
    async with AsyncSession(postgres_engine) as session:
        first = await add_partitions(session, datetime(2031, 11, 30, 23, 0, tzinfo=UTC), months=2)
        second = await add_partitions(session, datetime(2031, 12, 1, tzinfo=UTC), months=2)
        await session.commit()

    assert first == ["samples_2031_11", "samples_2031_12", "samples_2032_01"]
    assert second == ["samples_2032_02"]


async def test_rows_of_a_month_move_out_of_the_default_partition(postgres_engine: AsyncEngine) -> None:
    """A clock that runs ahead fills months that are not there yet."""
    async with AsyncSession(postgres_engine) as session:
        for time in (datetime(2041, 3, 1, tzinfo=UTC), datetime(2041, 3, 31, 23, 59, 59, tzinfo=UTC)):
            await session.execute(INSERT, {"time": time})
        await session.execute(INSERT, {"time": datetime(1, 1, 1, tzinfo=UTC)})
        await session.execute(INSERT, {"time": datetime(9999, 12, 31, tzinfo=UTC)})
        assert set(await _tables(session)) == {"samples_default"}

        await add_partitions(session, datetime(2041, 3, 15, tzinfo=UTC), months=0)

        assert await _tables(session) == ["samples_default", "samples_2041_03", "samples_2041_03", "samples_default"]
        await session.commit()


async def test_a_row_that_is_stored_meanwhile_moves_too(postgres_engine: AsyncEngine) -> None:
    async with AsyncSession(postgres_engine) as writer, AsyncSession(postgres_engine) as session:
        await writer.execute(INSERT, {"time": datetime(2041, 3, 10, tzinfo=UTC)})
        adding = asyncio.create_task(add_partitions(session, datetime(2041, 3, 15, tzinfo=UTC), months=0))
        await somebody_waits(postgres_engine)
        await writer.commit()
        await adding

        assert await _tables(session) == ["samples_2041_03"]
        await session.commit()


async def test_old_months_are_dropped_whole(postgres_engine: AsyncEngine) -> None:
    async with AsyncSession(postgres_engine) as session:
        await add_partitions(session, datetime(2020, 1, 1, tzinfo=UTC), months=2)
        for month in (1, 2, 3):
            await session.execute(INSERT, {"time": datetime(2020, month, 10, tzinfo=UTC)})

        dropped = await drop_partitions_before(session, datetime(2020, 3, 20, tzinfo=UTC))

        assert dropped == ["samples_2020_01", "samples_2020_02"]
        assert await _tables(session) == ["samples_2020_03"]
        await session.commit()
    assert await schema_is_current(postgres_engine)


async def test_sqlite_has_no_partitions(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    async with AsyncSession(engine) as session:
        assert await add_partitions(session, datetime(2031, 1, 1, tzinfo=UTC)) == []
        assert await drop_partitions_before(session, datetime(2031, 1, 1, tzinfo=UTC)) == []
    await engine.dispose()


async def test_this_month_has_its_partition_from_the_start(unit_of_work: UnitOfWorkFactory) -> None:
    """An upgrade adds them, so that nothing of today waits in the default partition."""
    async with unit_of_work() as work:
        await work.session.execute(INSERT, {"time": datetime.now(UTC)})
        if work.session.get_bind().dialect.name == "postgresql":
            assert "default" not in (await _tables(work.session))[0]


def test_partitions_are_told_by_their_names() -> None:
    assert is_partition("samples_2031_11")
    assert is_partition("samples_default")
    assert not is_partition("samples")
    assert not is_partition(None)
