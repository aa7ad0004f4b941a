"""Asking what is due reads no table as a whole, however much there was to do before."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.db import database_of
from citrine_core.db.tables import metadata
from tests.support.core import RunningCore, running_core
from tests.support.engines import new_engine

ROWS = 10_000

TABLES = (
    "stations", "connections", "commands", "provisionings", "transactions", "transaction_costs", "transaction_limits",
    "transaction_throttles", "transaction_checks", "reservations", "display_messages", "report_runs",
    "charging_profiles", "charging_negotiations", "charging_plans", "firmware_updates", "firmware_publications",
    "firmware_campaigns", "firmware_campaign_stations", "local_lists", "availabilities",
)  # fmt: skip

OVER: Mapping[str, Mapping[str, str | int]] = {
    "commands": {"state": 3, "finish_time": "now"},
    "transactions": {"end_time": "now"},
    "report_runs": {"state": 3, "finish_time": "now"},
    "reservations": {"state": 9},
    "display_messages": {"state": 9},
    "charging_profiles": {"state": 9},
    "charging_negotiations": {"state": 9},
    "firmware_campaigns": {"state": 9},
    "charging_plans": {"due_time": "never"},
}
"""Values of what is over; everything else of a row is as little as can be."""


def value(table: Table, name: str, sqlite: bool) -> str | None:
    """Return the SQL of a value for row n; None: NULL, or the default."""
    column, kind = table.c[name], str(table.c[name].type.compile()).split("(")[0]
    given = OVER.get(table.name, {}).get(name)
    times = {"now": "'2026-01-01 00:00:00'", "never": "'2999-01-01 00:00:00'"}
    if given is not None:
        return times[given] if isinstance(given, str) else str(given)
    if column.nullable or column.server_default is not None:
        return None
    if name == "tenant_id":
        return "'default'"
    if kind.startswith(("DATETIME", "TIMESTAMP")):
        return times["now"]
    if kind == "BOOLEAN":
        return "1" if sqlite else "false"
    if kind in ("BLOB", "BYTEA", "VARBINARY"):
        return "x''" if sqlite else "''::bytea"
    return "'CS-' || n" if kind in ("VARCHAR", "TEXT") else "n" if kind in ("INTEGER", "BIGINT") else "1"


async def fill(connection: AsyncConnection, table: Table) -> None:
    sqlite = database_of(connection).has_one_writer
    values = {column.name: value(table, column.name, sqlite) for column in table.c}
    given = {name: one for name, one in values.items() if one is not None}
    numbers = (
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})"
        if sqlite
        else f"WITH numbers AS (SELECT generate_series(1, {ROWS}) AS n)"
    )
    insert = f"INSERT INTO {table.name} ({', '.join(given)}) {numbers} SELECT {', '.join(given.values())} FROM numbers"
    await connection.execute(text(insert.replace("::", "\\:\\:")))


@pytest.fixture
async def filled(database_url: str) -> str:
    engine = new_engine(database_url)
    async with engine.begin() as connection:
        for name in TABLES:
            await fill(connection, metadata().tables[name])
    if database_of(engine).has_partitions:
        # PostgreSQL does it by itself, and nobody does for SQLite.
        async with engine.begin() as connection:
            await connection.execute(text("ANALYZE"))
    await engine.dispose()
    return database_url


async def plan(core: RunningCore, engine: AsyncEngine) -> list[str]:
    statement = core.core.agenda._statement
    assert statement is not None
    compiled = statement.compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if database_of(engine).has_one_writer else "EXPLAIN"
    async with engine.connect() as connection:
        return [str(row[-1]).strip() for row in await connection.exec_driver_sql(f"{explain} {compiled}")]


async def test_what_is_due_is_found_by_indexes(filled: str, tmp_path: Path) -> None:
    async with running_core(filled, tmp_path) as core:
        lines = await plan(core, core.core.engine)

    whole = [line for line in lines if "Seq Scan" in line or (line.startswith("SCAN") and " USING " not in line)]
    tables = {name for name in TABLES for line in whole if re.search(rf"\b{name}(_default)?\b", line)}
    assert tables == set(), "\n".join(lines)
