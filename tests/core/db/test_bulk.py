"""Statements for many rows, on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    literal,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.meter_values import SampleRepository, SampleRow, add_samples
from citrine_core.db import Page, UnitOfWorkFactory, UtcDateTime
from citrine_core.db.bulk import BulkInsert, BulkUpsert, given

TIME = datetime(2025, 3, 1, 12, tzinfo=UTC)
ROW = SampleRow("default", "CS-1", TIME, 1, 0, 1, None, None, None, 5, None, None, None, "Wh", None, 1.5, b"\0x")


async def stored(unit_of_work: UnitOfWorkFactory) -> list[Any]:
    async with unit_of_work(read_only=True) as work:
        rows, _ = await SampleRepository(work.session).list("default", Page(10), "CS-1")
    return list(rows)


async def test_rows_are_stored_as_they_are(unit_of_work: UnitOfWorkFactory) -> None:
    elsewhere = ROW._replace(sample_time=TIME.astimezone(timezone(timedelta(hours=5))), position=1, extra=None)
    async with unit_of_work() as work:
        await add_samples(work.session, [ROW, elsewhere])
        await add_samples(work.session, [])
        await work.commit()

    assert [tuple(row) for row in await stored(unit_of_work)] == [
        tuple(ROW),
        tuple(elsewhere._replace(sample_time=TIME)),
    ]


async def test_what_is_not_committed_is_not_stored(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        await add_samples(work.session, [ROW])

    assert await stored(unit_of_work) == []


async def test_a_time_without_a_zone_is_refused(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        with pytest.raises(ValueError, match="zone"):
            await add_samples(work.session, [ROW._replace(sample_time=TIME.replace(tzinfo=None))])


THINGS = Table(
    "bulk_things",
    MetaData(),
    Column("key", String(10), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("name", Text, unique=True),
    Column("count", SmallInteger, default=7),
    Column("ratio", Double),
    Column("is_on", Boolean, default=False),
    Column("content", LargeBinary),
    Column("time", UtcDateTime),
)
KEY = ("key", "number")
NAMES = tuple(column.name for column in THINGS.columns)
WHOLE = ("k", 2**40, "ä", -3, 0.5, True, b"\0\xff", TIME)


@pytest.fixture
async def session(unit_of_work: UnitOfWorkFactory) -> AsyncIterator[AsyncSession]:
    async with unit_of_work() as work:
        await (await work.session.connection()).run_sync(THINGS.create)
        yield work.session


async def things(session: AsyncSession) -> list[tuple[Any, ...]]:
    rows = await session.execute(select(THINGS).order_by(THINGS.c.key, THINGS.c.number))
    return [tuple(row) for row in rows]


def thing(key: str, **values: Any) -> dict[str, Any]:
    return {"key": key, "number": 1, **values}


@pytest.mark.parametrize("statement", [BulkInsert(THINGS, NAMES), BulkUpsert(THINGS, NAMES, KEY)])
async def test_values_of_each_type_are_stored_as_they_are(
    session: AsyncSession, statement: BulkInsert | BulkUpsert
) -> None:
    empty = ("l", 1, *[None] * 6)
    await statement.execute(session, [WHOLE, empty])
    await statement.execute_mappings(session, [dict(zip(NAMES, ("m", *WHOLE[1:2], "b", *WHOLE[3:]), strict=True))])

    assert await things(session) == [WHOLE, empty, ("m", 2**40, "b", *WHOLE[3:])]


async def test_columns_that_mappings_do_not_name_have_their_defaults_and_are_not_overwritten(
    session: AsyncSession,
) -> None:
    put = BulkUpsert(THINGS, key=KEY)
    await put.execute_mappings(session, [thing("a", ratio=1.0), thing("b", ratio=2.0)])
    await put.execute_mappings(session, [thing("a", count=1)])
    await put.execute_mappings(session, [thing("a", name="n")])
    await put.execute_mappings(session, [])

    assert await things(session) == [
        ("a", 1, "n", 1, 1.0, False, None, None),
        ("b", 1, None, 7, 2.0, False, None, None),
    ]


async def test_mappings_with_different_columns_are_refused(session: AsyncSession) -> None:
    for other in (thing("b"), thing("b", ratio=1.0), thing("b", count=1, ratio=1.0)):
        with pytest.raises(ValueError, match="bulk_things"):
            await BulkInsert(THINGS).execute_mappings(session, [thing("a", count=1), other])


@pytest.mark.parametrize("rows", [3, 40])
async def test_rows_of_one_key_are_written_one_after_the_other(session: AsyncSession, rows: int) -> None:
    put = BulkUpsert(THINGS, key=KEY, preserve=("name",), changes={"ratio": THINGS.c.ratio + given(THINGS, "ratio")})
    given_rows = [thing(key, name=f"{key}{number}", count=number, ratio=1.0) for number in range(rows) for key in "ab"]
    await put.execute_mappings(session, given_rows)

    assert [row[:5] for row in await things(session)] == [
        (key, 1, f"{key}0", rows - 1, float(rows)) for key in ("a", "b")
    ]


async def test_a_condition_decides_on_the_stored_row(session: AsyncSession) -> None:
    newer = BulkUpsert(THINGS, key=KEY, where=THINGS.c.count < given(THINGS, "count"), returning=("key", "count"))
    first = await newer.fetch_mappings(session, [thing("a", count=5), thing("b", count=5)])
    second = await newer.fetch_mappings(session, [thing("a", count=4), thing("b", count=6)])

    assert (sorted(first), second) == ([("a", 5), ("b", 5)], [("b", 6)])
    assert [row[3] for row in await things(session)] == [5, 6]


async def test_only_a_known_key_is_ignored(session: AsyncSession) -> None:
    add = BulkInsert(THINGS, ignore=True, key=KEY, returning=("key",))
    assert await add.fetch_mappings(session, [thing("a", name="a"), thing("a", name="b"), thing("c", name="c")]) == [
        ("a",),
        ("c",),
    ]
    async with session.begin_nested():
        await BulkInsert(THINGS, ignore=True).execute_mappings(session, [thing("d", name="a")])
    with pytest.raises(IntegrityError):
        async with session.begin_nested():
            await add.fetch_mappings(session, [thing("d", name="a")])

    assert [row[0] for row in await things(session)] == ["a", "c"]


async def test_many_rows_are_returned(session: AsyncSession) -> None:
    add = BulkInsert(THINGS, KEY, returning=("number",))
    assert sorted(await add.fetch(session, [("k", number) for number in range(40)])) == [(n,) for n in range(40)]
    assert await add.fetch(session, []) == []


async def test_the_rows_of_a_query_are_written(session: AsyncSession) -> None:
    await BulkInsert(THINGS, ("key", "number", "count")).execute(session, [("a", 1, 1), ("a", 2, 2), ("b", 2, 1)])
    put = BulkUpsert(THINGS, ("key", "number", "count"), KEY)
    source = select(literal("b"), THINGS.c.number, literal(9, SmallInteger)).where(THINGS.c.key == "a")
    await put.execute_select(session, source)

    assert [row[:4] for row in await things(session)] == [
        ("a", 1, None, 1),
        ("a", 2, None, 2),
        ("b", 1, None, 9),
        ("b", 2, None, 9),
    ]
