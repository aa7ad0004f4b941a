"""Statements that go straight to the driver, and those that are executed with the next one, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Double, MetaData, String, Table, bindparam, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.db import LockedQuery, UnitOfWork, UnitOfWorkFactory, UtcDateTime, database_of
from citrine_core.db.bulk import BulkInsert, BulkUpdate, BulkUpsert
from citrine_core.db.direct import Direct, connection_of
from citrine_core.db.direct_query import DirectQuery
from citrine_core.errors import DatabaseUnavailable

TABLES = MetaData()
PAPERS = Table("direct_papers", TABLES, Column("name", String(20), primary_key=True), Column("count", BigInteger))
SHEETS = Table(
    "direct_sheets",
    TABLES,
    Column("name", String(20), primary_key=True),
    Column("is_blank", Boolean),
    Column("weight", Double),
    Column("time", UtcDateTime),
)
ADD_PAPERS = BulkInsert(PAPERS, ("name", "count"))
SET_COUNT = BulkUpdate(PAPERS, ("count",), ("name",))
PUT_PAPERS = BulkUpsert(PAPERS, ("name", "count"), ("name",))
ADD_SHEETS = BulkInsert(SHEETS, ("name", "is_blank"))


@pytest.fixture(autouse=True)
async def tables(engine: AsyncEngine) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(TABLES.create_all)
    yield
    async with engine.begin() as connection:
        await connection.run_sync(TABLES.drop_all)


async def direct_of(work: UnitOfWork) -> Direct:
    connection = await connection_of(work.session)
    return database_of(connection).direct(connection)


async def counts(work: UnitOfWork) -> dict[str, int]:
    return {row[0]: row[1] for row in await work.session.execute(select(PAPERS.c.name, PAPERS.c.count))}


async def stored(unit_of_work: UnitOfWorkFactory) -> dict[str, int]:
    async with unit_of_work(read_only=True) as work:
        return await counts(work)


async def test_deferred_statements_are_executed_in_order_before_whatever_comes_next(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as work:
        await ADD_PAPERS.execute(work.session, [("a", 1), ("b", 1)])
        await SET_COUNT.execute(work.session, [(2, "a")])
        await PUT_PAPERS.execute(work.session, [("a", 3), ("c", 3)])
        assert await counts(work) == {"a": 3, "b": 1, "c": 3}

        await SET_COUNT.execute(work.session, [(4, "a")])
        await work.session.execute(insert(PAPERS).values(name="d", count=4))
        await SET_COUNT.execute(work.session, [(5, "d")])
        query = f"SELECT count FROM direct_papers WHERE name = {database_of(work.session).first_parameter}"
        assert [tuple(row) for row in await (await direct_of(work)).fetch(query, ("d",))] == [(5,)]

        await SET_COUNT.execute(work.session, [(6, "b")])
        await ADD_SHEETS.execute(work.session, [("s", True)])
        await work.commit()

    assert await stored(unit_of_work) == {"a": 4, "b": 6, "c": 3, "d": 5}


async def test_what_nobody_asked_for_is_executed_with_the_commit(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        await ADD_PAPERS.execute(work.session, [(str(number), number) for number in range(100)])
        await work.commit()

    assert await stored(unit_of_work) == {str(number): number for number in range(100)}


@pytest.mark.parametrize("ends_by", ["commit", "statement", "fetch"])
async def test_an_error_of_a_deferred_statement_is_raised_by_what_executes_it(
    unit_of_work: UnitOfWorkFactory, ends_by: str
) -> None:
    async def run() -> None:
        async with unit_of_work() as work:
            await ADD_PAPERS.execute(work.session, [("a", 1)])
            await ADD_PAPERS.execute(work.session, [("a", 1)])
            await ADD_SHEETS.execute(work.session, [("s", True)])
            if ends_by == "commit":
                await work.commit()
            elif ends_by == "statement":
                await counts(work)
            else:
                await (await direct_of(work)).fetch("SELECT 1", ())

    with pytest.raises(IntegrityError):
        await run()
    assert await stored(unit_of_work) == {}


async def test_a_transaction_that_is_not_committed_drops_them(unit_of_work: UnitOfWorkFactory) -> None:
    for begins in (False, True):
        async with unit_of_work() as work:
            if begins:
                await counts(work)
            await ADD_PAPERS.execute(work.session, [("a", 1)])

        async with unit_of_work() as work:
            assert await counts(work) == {}
            await ADD_PAPERS.execute(work.session, [("b", 1)])
            await work.rehearse()

    assert await stored(unit_of_work) == {}


async def test_a_savepoint_has_those_of_its_own(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        await ADD_PAPERS.execute(work.session, [("a", 1)])
        async with work.session.begin_nested():
            await ADD_PAPERS.execute(work.session, [("b", 1)])
        async with work.session.begin_nested() as nested:
            await ADD_PAPERS.execute(work.session, [("c", 1)])
            await nested.rollback()
        with pytest.raises(IntegrityError):
            async with work.session.begin_nested():
                await ADD_PAPERS.execute(work.session, [("a", 2)])
        await work.commit()

    assert await stored(unit_of_work) == {"a": 1, "b": 1}


async def test_writes_of_a_transaction_cost_one_round_trip(unit_of_work: UnitOfWorkFactory) -> None:
    """PostgreSQL executes them as one statement; what writes a table twice needs a second one."""
    async with unit_of_work() as work:
        # The driver asks once for each connection what the types of arrays are.
        await ADD_PAPERS.execute(work.session, [("a", 1), ("b", 1)])
        await ADD_SHEETS.execute(work.session, [("s", True)])
        await work.rehearse()
    async with unit_of_work() as work:
        connection = await connection_of(work.session)
        driver = connection.connection.driver_connection
        if database_of(connection).has_one_writer:
            return
        sent: list[str] = []
        assert driver is not None
        driver.add_query_logger(lambda query: sent.append(query.query))
        await ADD_PAPERS.execute(work.session, [("a", 1), ("b", 1)])
        await ADD_SHEETS.execute(work.session, [("s", True)])
        await SET_COUNT.execute(work.session, [(2, "b")])
        await work.commit()

    assert [query.split()[0] for query in sent] == ["BEGIN;", "WITH", "UPDATE", "COMMIT;"]
    assert await stored(unit_of_work) == {"a": 1, "b": 2}


async def test_a_query_returns_what_sqlalchemy_returns(unit_of_work: UnitOfWorkFactory) -> None:
    times = [None, datetime(2025, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)]
    rows = [(f"s{place}", bool(place), place + 0.5, times[place]) for place in range(2)]
    query = select(SHEETS).where(SHEETS.c.name == bindparam("name"), SHEETS.c.weight < 1000.5)
    locked = DirectQuery(LockedQuery(query, SHEETS.c.name).on)
    async with unit_of_work() as work:
        await BulkInsert(SHEETS, ("name", "is_blank", "weight", "time")).execute(work.session, rows)
        for row in rows:
            expected = [tuple(one) for one in await work.session.execute(query, {"name": row[0]})]
            assert await locked.fetch(work.session, {"name": row[0]}) == expected == [row]
            assert await DirectQuery(query).fetch(work.session, {"name": row[0]}) == expected
        assert await locked.fetch(work.session, {"name": "t"}) == []


async def test_an_error_is_the_one_that_sqlalchemy_raises(unit_of_work: UnitOfWorkFactory) -> None:
    with pytest.raises(Exception, match="nowhere") as by_sqlalchemy:
        async with unit_of_work() as work:
            await work.session.execute(text("SELECT * FROM nowhere"))
    with pytest.raises(Exception, match="nowhere") as direct:
        async with unit_of_work() as work:
            await (await direct_of(work)).fetch("SELECT * FROM nowhere", ())

    assert type(direct.value) is type(by_sqlalchemy.value)


async def test_a_connection_that_ends_in_the_middle_is_an_outage_and_not_used_again(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine
) -> None:
    if database_of(engine).has_one_writer:
        return

    async def run() -> None:
        async with unit_of_work() as work:
            await ADD_PAPERS.execute(work.session, [("a", 1)])
            await (await direct_of(work)).fetch("SELECT pg_terminate_backend(pg_backend_pid())", ())

    with pytest.raises(DatabaseUnavailable):
        await run()
    assert await stored(unit_of_work) == {}


async def test_a_statement_that_is_cancelled_leaves_no_broken_connection(unit_of_work: UnitOfWorkFactory) -> None:
    long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT count(*) FROM n"

    async def run() -> None:
        async with unit_of_work(read_only=True) as work:
            await (await direct_of(work)).fetch("SELECT 1", ())
            begun.set()
            await (await direct_of(work)).fetch(long, ())

    for _ in range(3):
        begun = asyncio.Event()
        running = asyncio.create_task(run())
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert await stored(unit_of_work) == {}
