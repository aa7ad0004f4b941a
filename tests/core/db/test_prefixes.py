"""Ids by what they begin with: found by an index, whatever the collation."""

import re
from collections.abc import Sequence

import pytest
from sqlalchemy import Column, Index, MetaData, String, Table, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.db import begins_with

IDS = (
    "3F2A-X",
    "3f",
    "3f2",
    "3f2a",
    "3f2a-1",
    "3f2a0000",
    "3f2azz",
    "3f2b",
    "3g",
    "T-1",
    "T-1_%",
    "T-10",
    "t-1",
    "%",
    "_",
)

NAMES = Table(
    "prefix_names",
    MetaData(),
    Column("tenant_id", String(36), primary_key=True),
    Column("name", String(36), primary_key=True),
    Column("place", String(8)),
    Index("ix_prefix_names_name", "tenant_id", "name"),
)


async def found(engine: AsyncEngine, prefix: str) -> Sequence[str]:
    async with engine.connect() as connection:
        query = select(NAMES.c.name).where(NAMES.c.tenant_id == "t", begins_with(NAMES.c.name, prefix))
        return sorted((await connection.scalars(query)).all())


@pytest.fixture
async def names(engine: AsyncEngine) -> AsyncEngine:
    async with engine.begin() as connection:
        await connection.run_sync(NAMES.metadata.create_all)
        await connection.execute(
            insert(NAMES), [{"tenant_id": tenant, "name": name} for tenant in "tu" for name in IDS]
        )
    return engine


@pytest.mark.parametrize(
    "prefix", ["3", "3f2a", "3f2a-", "3F", "T", "T-", "T-1", "T-1_", "%", "_", "x", "3f2az", "3f2azz"]
)
async def test_what_begins_so_is_found_and_nothing_else(names: AsyncEngine, prefix: str) -> None:
    assert await found(names, prefix) == sorted(name for name in IDS if name.startswith(prefix))


async def test_an_index_is_read_by_the_beginning(names: AsyncEngine) -> None:
    async with names.begin() as connection:
        await connection.execute(
            insert(NAMES), [{"tenant_id": "t", "name": f"{place:08x}-0000"} for place in range(20_000)]
        )
    query = (
        select(NAMES.c.name)
        .where(NAMES.c.tenant_id == "t", begins_with(NAMES.c.name, "0000123"))
        .order_by(NAMES.c.name)
        .limit(11)
        .compile(dialect=names.dialect, compile_kwargs={"literal_binds": True})
    )
    is_postgres = names.dialect.name == "postgresql"
    async with names.begin() as connection:
        await connection.execute(text("ANALYZE prefix_names"))
        plan = await connection.execute(text(f"EXPLAIN {'' if is_postgres else 'QUERY PLAN '}{query}"))
        words = "\n".join(str(row[-1]) for row in plan)
    if is_postgres:
        assert re.search(r"Index Cond: .*>= '0000123'.*< '0000123α'", words)
    else:
        assert "SEARCH prefix_names USING" in words
        assert "name>?" in words
