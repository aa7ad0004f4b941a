"""What differs between the databases does the same on each of them."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine.events.v1.events_pb2 import Event
from citrine_core.db import LockedQuery, UnitOfWorkFactory, database_of
from citrine_core.events import OutboxRepository
from citrine_core.link.models import Probe
from citrine_core.resources.tenants import Tenant
from tests.support.databases import somebody_waits

PROBES = Probe.metadata.tables["probe"]
TENANTS = Tenant.metadata.tables["tenants"]
NOW = datetime(2025, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


async def _add_probes(connection: AsyncConnection, ids: range) -> None:
    rows = [{"id": probe_id, "probe_time": NOW} for probe_id in ids]
    await connection.execute(database_of(connection).insert(PROBES), rows)


async def test_a_database_is_found_by_whatever_belongs_to_it(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine
) -> None:
    async with unit_of_work(read_only=True) as work:
        connection = await work.session.connection()
        found = {database_of(of) for of in (connection, engine, engine.dialect)} | {database_of(work.session)}
    assert found == {database_of(engine)}


async def test_times_come_back_as_they_were_stored(engine: AsyncEngine) -> None:
    kathmandu = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    async with engine.begin() as connection:
        for time in (NOW, NOW.replace(microsecond=0), kathmandu):
            await connection.execute(PROBES.delete())
            await connection.execute(PROBES.insert(), {"id": 1, "probe_time": time})
            found = await connection.scalar(select(PROBES.c.probe_time).where(PROBES.c.probe_time == time))
            assert found is not None
            assert (found, found.tzinfo) == (time, UTC)
        with pytest.raises(StatementError, match="without a zone"):
            await connection.execute(PROBES.insert(), {"id": 2, "probe_time": NOW.replace(tzinfo=None)})


async def test_rows_that_are_locked_are_waited_for_or_left_out(engine: AsyncEngine) -> None:
    database = database_of(engine)
    query = select(PROBES.c.id)
    async with engine.begin() as connection:
        await _add_probes(connection, range(11, 15))
    if database.has_one_writer:
        # Nobody comes between anyway; the queries must be the same rows.
        async with engine.begin() as connection:
            assert set(await connection.scalars(database.lock(query, PROBES.c.id))) >= {11, 12, 13, 14}
            assert set(await connection.scalars(database.claim(query))) >= {11, 12, 13, 14}
        return
    async with engine.begin() as first, engine.begin() as second, engine.connect() as third:
        first_two = query.where(PROBES.c.id.in_([11, 12]))
        assert list(await first.scalars(LockedQuery(first_two, PROBES.c.id).on(database))) == [11, 12]
        assert sorted(await second.scalars(database.claim(query.where(PROBES.c.id > 10)))) == [13, 14]
        waiting = asyncio.ensure_future(third.scalars(database.lock(first_two, PROBES.c.id.desc())))
        await somebody_waits(engine)
        await first.rollback()
        assert list(await waiting) == [12, 11]


async def test_a_claim_of_a_join_locks_one_of_its_tables(engine: AsyncEngine) -> None:
    query = select(PROBES.c.id).join(TENANTS, TENANTS.c.tenant_id == "default").where(PROBES.c.id == 21)
    async with engine.begin() as connection:
        await _add_probes(connection, range(21, 22))
    async with engine.begin() as connection:
        assert list(await connection.scalars(database_of(engine).claim(query, of=PROBES))) == [21]


async def test_an_insert_knows_what_to_do_where_the_key_is_stored(engine: AsyncEngine) -> None:
    database = database_of(engine)
    later = NOW + timedelta(days=1)
    row = {"id": 31, "probe_time": later}
    async with engine.begin() as connection:
        await _add_probes(connection, range(31, 32))
        await connection.execute(database.insert(PROBES).on_conflict_do_nothing(index_elements=["id"]), row)
        query = select(PROBES.c.probe_time).where(PROBES.c.id == 31)
        assert await connection.scalar(query) == NOW
        statement = database.insert(PROBES)
        overwrite = {"probe_time": statement.excluded.probe_time}
        await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=overwrite), row)
        assert await connection.scalar(query) == later


async def test_a_table_of_values_has_their_types_and_order(engine: AsyncEngine) -> None:
    database = database_of(engine)
    columns = [TENANTS.c.tenant_id, PROBES.c.id]
    async with engine.connect() as connection:
        values = database.values(columns, 3, engine.dialect)
        given = database.parameters([["a" * 300, "'", "\U0001f50c"], [2**30, -1, 0]])
        rows = await connection.exec_driver_sql(values, tuple(given))
        assert [tuple(row) for row in rows] == [("a" * 300, 2**30), ("'", -1), ("\U0001f50c", 0)]


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param([], id="none"),
        pytest.param([("a", 1, 2**40), ("'\"\\[]\U0001f50c", -(2**31), -(2**63))], id="odd ones"),
        pytest.param([(str(number), number, number) for number in range(1000)], id="many"),
    ],
)
async def test_keys_are_selected_from_one_parameter(engine: AsyncEngine, keys: list[tuple[str, int, int]]) -> None:
    database = database_of(engine)
    query = database.select_keys(("text", "integer", "bigint"), database.first_parameter)
    async with engine.connect() as connection:
        rows = await connection.exec_driver_sql(query, (orjson.dumps(keys).decode(),))
        assert sorted(tuple(row) for row in rows) == sorted(keys)


async def test_rows_are_removed_by_their_addresses(engine: AsyncEngine) -> None:
    database = database_of(engine)
    async with engine.begin() as connection:
        await _add_probes(connection, range(41, 45))
        where = "FROM probe WHERE id BETWEEN 41 AND 43"
        found = list(await connection.scalars(text(f"SELECT {database.row_address} {where}")))
        assert len(found) == 3
        statement = text(f"DELETE FROM probe WHERE {database.is_at(':rows')}")
        await connection.execute(statement, {"rows": orjson.dumps(found).decode()})
        await connection.execute(statement, {"rows": "[]"})
        assert list(await connection.scalars(select(PROBES.c.id).where(PROBES.c.id > 40))) == [44]


async def test_readers_of_the_outbox_are_told_how_far(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        await OutboxRepository(work.session).add_all([Event(tenant_id="default")], NOW)
        connection = await work.session.connection()
        through, highest = await database_of(connection).outbox_order.horizon(connection)
    assert through <= highest


async def test_a_rehearsal_is_left_without_a_trace(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        async with database_of(engine).rehearsal(connection):
            await _add_probes(connection, range(51, 52))
        await connection.rollback()
        assert list(await connection.scalars(select(PROBES.c.id).where(PROBES.c.id == 51))) == []


async def test_the_schema_is_locked_until_the_end_of_a_transaction(engine: AsyncEngine) -> None:
    database = database_of(engine)
    for _ in range(2):
        async with engine.begin() as connection:
            await database.lock_schema(connection, 0x6369_7472_00FF)


async def test_there_is_a_lane_at_least(engine: AsyncEngine) -> None:
    database = database_of(engine)
    assert database.lanes >= 1
    assert database.lanes == 1 or not database.has_one_writer
    assert database.has_partitions is not database.has_one_writer
