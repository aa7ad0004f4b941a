"""Tables that grow without end are partitioned by day or month on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from citrine_core.db import UnitOfWorkFactory, create_engine
from citrine_core.db.partitions import (
    add_partitions,
    advance_sequences,
    drop_partition,
    find_old_partition,
    is_partition,
)
from citrine_core.db.schema_version import schema_is_current
from citrine_core.ids import first_id_of, new_id
from tests.support.databases import somebody_waits

INSERT = text(
    "INSERT INTO samples (tenant_id, station_id, sample_time, digest, position, measurand, value)"
    " VALUES ('default', 'CS', :time, 1, 0, 1, 1.0)"
)
ADD_EVENT = text(
    "INSERT INTO outbox (tenant_id, station_id, kind, payload, create_time)"
    " VALUES ('default', 'CS', '', '', :time) RETURNING id"
)


async def _tables(session: AsyncSession, table: str = "samples", order: str = "sample_time") -> list[str]:
    rows = await session.scalars(text(f"SELECT tableoid\\:\\:regclass\\:\\:text FROM {table} ORDER BY {order}"))
    return list(rows)


async def test_months_and_days_to_come_are_created_once(postgres_engine: AsyncEngine) -> None:
    async with AsyncSession(postgres_engine) as session:
        first = await add_partitions(session, datetime(2031, 11, 30, 23, 0, tzinfo=UTC), ahead=2)
        second = await add_partitions(session, datetime(2031, 12, 1, tzinfo=UTC), ahead=2)
        await session.commit()

    months, more = ["commands", "connector_statuses"], ["samples", "transaction_events"]
    days = ["outbox_2031_11_30", "outbox_2031_12_01", "outbox_2031_12_02"]
    assert first == [
        *(f"{table}_{month}" for table in months for month in ("2031_11", "2031_12", "2032_01")),
        *days,
        *(f"{table}_{month}" for table in more for month in ("2031_11", "2031_12", "2032_01")),
    ]
    assert second == [
        *(f"{table}_2032_02" for table in months),
        "outbox_2031_12_03",
        *(f"{table}_2032_02" for table in more),
    ]


async def test_rows_of_a_month_move_out_of_the_default_partition(postgres_engine: AsyncEngine) -> None:
    """A clock that runs ahead fills months that are not there yet."""
    async with AsyncSession(postgres_engine) as session:
        for time in (datetime(2041, 3, 1, tzinfo=UTC), datetime(2041, 3, 31, 23, 59, 59, tzinfo=UTC)):
            await session.execute(INSERT, {"time": time})
        await session.execute(INSERT, {"time": datetime(1, 1, 1, tzinfo=UTC)})
        await session.execute(INSERT, {"time": datetime(9999, 12, 31, tzinfo=UTC)})
        assert set(await _tables(session)) == {"samples_default"}

        await add_partitions(session, datetime(2041, 3, 15, tzinfo=UTC), ahead=0)

        assert await _tables(session) == ["samples_default", "samples_2041_03", "samples_2041_03", "samples_default"]
        await session.commit()


async def test_a_row_that_is_stored_meanwhile_moves_too(postgres_engine: AsyncEngine) -> None:
    async with AsyncSession(postgres_engine) as writer, AsyncSession(postgres_engine) as session:
        await writer.execute(INSERT, {"time": datetime(2041, 3, 10, tzinfo=UTC)})
        adding = asyncio.create_task(add_partitions(session, datetime(2041, 3, 15, tzinfo=UTC), ahead=0))
        await somebody_waits(postgres_engine)
        await writer.commit()
        await adding

        assert await _tables(session) == ["samples_2041_03"]
        await session.commit()


async def test_old_months_are_dropped_whole(postgres_engine: AsyncEngine) -> None:
    before = datetime(2041, 3, 20, tzinfo=UTC)
    async with AsyncSession(postgres_engine) as session:
        while (name := await find_old_partition(session, "samples", before)) is not None:
            await drop_partition(session, name)
        await add_partitions(session, datetime(2041, 1, 1, tzinfo=UTC), ahead=2)
        for month in (1, 2, 3):
            await session.execute(INSERT, {"time": datetime(2041, month, 10, tzinfo=UTC)})

        dropped = []
        while (name := await find_old_partition(session, "samples", before)) is not None:
            await drop_partition(session, name)
            dropped.append(name)

        assert dropped == ["samples_2041_01", "samples_2041_02"]
        assert await _tables(session) == ["samples_2041_03"]
        await session.commit()
    assert await schema_is_current(postgres_engine)


async def test_a_clock_that_is_behind_adds_no_partitions(postgres_engine: AsyncEngine) -> None:
    async with AsyncSession(postgres_engine) as session:
        assert await add_partitions(session, datetime(2020, 1, 1, tzinfo=UTC)) == []


async def test_sqlite_has_no_partitions(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    async with AsyncSession(engine) as session:
        assert await add_partitions(session, datetime(2031, 1, 1, tzinfo=UTC)) == []
        assert await find_old_partition(session, "samples", datetime(2031, 1, 1, tzinfo=UTC)) is None
        await advance_sequences(session, datetime(2031, 1, 1, tzinfo=UTC))
    await engine.dispose()


async def test_now_has_its_partitions_from_the_start(unit_of_work: UnitOfWorkFactory) -> None:
    """An upgrade adds them, so that nothing of today waits in the default partition."""
    async with unit_of_work() as work:
        await work.session.execute(INSERT, {"time": datetime.now(UTC)})
        await work.session.execute(ADD_EVENT, {"time": datetime.now(UTC)})
        if work.session.get_bind().dialect.name == "postgresql":
            assert "default" not in (await _tables(work.session))[0]
            assert "default" not in (await _tables(work.session, "outbox", "id"))[0]


async def test_ids_of_events_begin_anew_with_each_day_and_only_grow(postgres_engine: AsyncEngine) -> None:
    days = [datetime(2031, 3, 1, tzinfo=UTC), datetime(2031, 3, 2, tzinfo=UTC)]
    ids = []
    async with AsyncSession(postgres_engine) as session:
        ids.append(await session.scalar(ADD_EVENT, {"time": days[0]}))
        await advance_sequences(session, days[0])
        ids.append(await session.scalar(ADD_EVENT, {"time": days[0]}))
        await add_partitions(session, days[0], ahead=1)
        # A core whose clock is behind does not move them back.
        for now in (days[0], days[1], days[0], days[1] + timedelta(hours=23)):
            await advance_sequences(session, now)
            ids.append(await session.scalar(ADD_EVENT, {"time": now}))
        tables = await _tables(session, "outbox", "id")
        await session.commit()

    # Without a partition of the day they go on as before.
    assert ids[1] == ids[0] + 1
    assert ids[3] - ids[2] == 1 << 32
    assert ids[3:] == [ids[3], ids[3] + 1, ids[3] + 2]
    assert tables[2:] == ["outbox_2031_03_01", *["outbox_2031_03_02"] * 3]


async def test_who_reads_events_behind_an_id_looks_into_the_partitions_of_these_ids(
    postgres_engine: AsyncEngine,
) -> None:
    day = datetime(2031, 3, 1, tzinfo=UTC)
    async with AsyncSession(postgres_engine) as session:
        await add_partitions(session, day)
        await advance_sequences(session, day)
        first = await session.scalar(ADD_EVENT, {"time": day})
        query = "SELECT payload FROM outbox WHERE tenant_id = 'default' AND id > :after AND id <= :through ORDER BY id"
        rows = await session.scalars(text(f"EXPLAIN {query}"), {"after": first, "through": first + 500})
        plan = "\n".join(rows)
        await session.commit()

    assert "outbox_2031_03_01" in plan
    assert plan.count(" on outbox_") == 1, plan


async def test_who_looks_for_a_command_looks_into_the_partition_of_its_id(postgres_engine: AsyncEngine) -> None:
    async with AsyncSession(postgres_engine) as session:
        query = "SELECT payload FROM commands WHERE tenant_id = 'default' AND command_id = :id"
        rows = await session.scalars(text(f"EXPLAIN {query}"), {"id": new_id()})
        plan = "\n".join(rows)

    assert plan.count(" on commands_") == 1, plan
    assert "default" not in plan.partition("Cond")[0]


async def test_commands_are_partitioned_by_the_time_in_their_id() -> None:
    now = datetime.now(UTC)
    made = new_id()
    assert first_id_of(now - timedelta(seconds=5)) < made < first_id_of(now + timedelta(seconds=5))
    assert first_id_of(datetime(2031, 1, 1, tzinfo=UTC)) < first_id_of(datetime(2031, 2, 1, tzinfo=UTC))


def test_partitions_are_told_by_their_names() -> None:
    assert is_partition("samples_2031_11")
    assert is_partition("samples_default")
    assert is_partition("outbox_2031_11_30")
    assert not is_partition("outbox_state")
    assert not is_partition("samples")
    assert not is_partition(None)
