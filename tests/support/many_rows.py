"""Tables with as many rows as they have after years, written by SQL in seconds, and what a query reads of them."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.schema import CreateIndex, DropIndex

from citrine_core.db import PartialIndex, UnitOfWorkFactory
from citrine_core.db.tables import metadata
from citrine_core.events import write_events
from tests.support.renewed_database import run_statements
from tests.support.statements import statements

__all__ = ["ROWS", "Sql", "fill", "indexed_later", "work_of"]

ROWS = 500_000

BEGIN = 1_767_225_600
"""2026-01-01 UTC, in seconds since 1970."""


class Sql:
    """Expressions of a number `n` from 1 on, in the words of a database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.is_sqlite = engine.dialect.name == "sqlite"

    def numbers(self, rows: int) -> str:
        """Return what so many rows are selected from."""
        if self.is_sqlite:
            return (
                f"(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) SELECT n FROM s)"
            )
        return f"generate_series(1, {rows}) AS n"

    def time(self, seconds: str = "n") -> str:
        """Return a time: so many seconds after the beginning of 2026."""
        if self.is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%S', {BEGIN} + {seconds}, 'unixepoch') || '.000000'"
        return f"to_timestamp({BEGIN} + {seconds})"

    def id(self) -> str:
        """Return an id that begins with that time, as those of commands do."""
        milliseconds = f"CAST({BEGIN} + n AS BIGINT) * 1000"
        digits = f"printf('%012x', {milliseconds})" if self.is_sqlite else f"lpad(to_hex({milliseconds}), 12, '0')"
        return f"substr({digits}, 1, 8) || '-' || substr({digits}, 9) || '-7000-8000-000000000000'"

    def value(self, column: Any) -> str:
        """Return any value of a column that must have one."""
        kind = column.type.python_type
        if kind is bool:
            return "false"
        if kind is bytes:
            return "x''" if self.is_sqlite else "''::bytea"
        return {str: "''", int: "1", float: "1.0"}.get(kind) or self.time("0")


async def fill(
    engine: AsyncEngine, tables: Mapping[str, tuple[Mapping[str, str], int]], *, believed: int = ROWS
) -> None:
    """Write many rows, of which PostgreSQL believes that they are as many as is said, and plans accordingly.

    SQLite plans without knowing how many rows there are.

    Args:
        engine: Of the database.
        tables: By the name of a table, which must be empty: expressions by the name of the column, others have any
            value; and how many rows.
        believed: How many each of them has for PostgreSQL, if it has less.
    """
    sql = Sql(engine)
    statements = [
        statement
        for name, (columns, rows) in tables.items()
        for statement in _filling(engine, metadata().tables[name], columns, sql, rows)
    ]
    if sql.is_sqlite:
        await asyncio.to_thread(_run_on_file, str(engine.url.database), statements)
    else:
        url = engine.url.render_as_string(hide_password=False)
        beliefs = [_belief(name, believed / rows) for name, (_, rows) in tables.items() if rows < believed]
        await run_statements(url, ["SET maintenance_work_mem = '256MB'", *statements, *beliefs])


def _belief(table: str, factor: float) -> str:
    """Return the statement that makes PostgreSQL believe that a table has so many times its rows.

    It estimates them by the number of rows on a page at the last ANALYZE, of the table and of each index.
    """
    return (
        f"UPDATE pg_class SET reltuples = reltuples * {factor} WHERE oid = '{table}'::regclass"
        f" OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = '{table}'::regclass)"
    )


def _filling(engine: AsyncEngine, table: Table, columns: Mapping[str, str], sql: Sql, rows: int) -> Iterator[str]:
    values = {
        column.name: sql.value(column)
        for column in table.c
        if not column.nullable and column.server_default is None and column.autoincrement is not True
    }
    values |= {"tenant_id": "'default'", **columns}
    inserting = f"INSERT INTO {table.name} ({', '.join(values)}) SELECT {', '.join(values.values())}"
    yield from indexed_later(engine, [table.name], [f"{inserting} FROM {sql.numbers(rows)}"])
    if not sql.is_sqlite:
        yield f"ANALYZE {table.name}"


def indexed_later(engine: AsyncEngine, names: Sequence[str], inserts: Sequence[str]) -> Iterator[str]:
    """Yield statements that insert into tables of those names.

    An index is made of all rows faster than row by row.
    """
    # Of two alike, SQLite uses the later one: migrations add the partial ones behind the others.
    indexes = sorted(
        (index for name in names for index in metadata().tables[name].indexes),
        key=lambda one: (isinstance(one, PartialIndex), one.name),
    )
    yield from (str(DropIndex(index).compile(dialect=engine.dialect)) for index in indexes)
    yield from inserts
    yield from (str(CreateIndex(index).compile(dialect=engine.dialect)) for index in indexes)


def _run_on_file(path: str, statements: Sequence[str]) -> None:
    """Run statements on a file that nobody else has open, and which is of no use if that is interrupted."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for option in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -200000", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {option}")
        for statement in statements:
            connection.execute(statement)
        connection.execute("PRAGMA journal_mode = WAL")


async def work_of(engine: AsyncEngine, ask: Callable[[AsyncSession], Awaitable[Any]]) -> tuple[Any, int, str]:
    """Return what is found by a question, how much the database reads for it, and how.

    It is a number of pages on PostgreSQL, and of thousands of steps on SQLite.
    """
    with statements(engine) as seen:
        async with UnitOfWorkFactory(engine, write_events)(read_only=True) as work:
            found = await ask(work.session)
    effort, plans = 0, []
    async with engine.connect() as connection:
        for statement, parameters in seen:
            if statement.lstrip().startswith(("SELECT", "WITH")):
                measure = _steps if engine.dialect.name == "sqlite" else _pages
                number, plan = await measure(connection, statement, parameters)
                effort += number
                plans.append(plan)
    return found, effort, "\n".join(plans)


async def _pages(connection: AsyncConnection, statement: str, parameters: Any) -> tuple[int, str]:
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    [(found,)] = await connection.exec_driver_sql(explain, tuple(parameters))
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], json.dumps(plan, indent=1)


async def _steps(connection: AsyncConnection, statement: str, parameters: Any) -> tuple[int, str]:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.set_progress_handler(count, 1000)
    await connection.exec_driver_sql(statement, parameters)
    await driver.set_progress_handler(None, 0)
    rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return steps, "\n".join(row._mapping["detail"] for row in rows)
