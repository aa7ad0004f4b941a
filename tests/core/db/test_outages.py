"""Tests of what is an outage: judged by what the driver raises, on real databases."""

import sqlite3
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.db import UnitOfWorkFactory, create_engine
from citrine_core.db.outages import is_outage
from citrine_core.errors import DatabaseUnavailable
from citrine_core.events import write_events


def of_postgres(state: str) -> DBAPIError:
    raised = asyncpg.PostgresError.new({"C": state, "M": "no"})
    adapted = Exception("no")
    adapted.__cause__ = raised
    return DBAPIError("SELECT 1", None, adapted)


def of_sqlite(code: int) -> DBAPIError:
    raised = sqlite3.OperationalError("no")
    raised.sqlite_errorcode = code
    return DBAPIError("SELECT 1", None, raised)


@pytest.mark.parametrize(
    "state",
    [
        "53100",  # disk full
        "53200",  # out of memory
        "53300",  # too many connections
        "25006",  # the server only reads: failover
        "25P03",  # ended while idle in a transaction
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # lock not available
        "57014",  # canceled: too slow
        "57P01",  # the server shuts down
        "57P03",  # the server starts
        "58030",  # input or output
        "08006",  # connection failure
        "42501",  # our rights are gone
        "XX000",
        "XX001",  # data corrupted
        "72000",  # snapshot too old
    ],
)
def test_what_the_server_says_of_itself_is_an_outage(state: str) -> None:
    assert is_outage(of_postgres(state))


@pytest.mark.parametrize(
    "state", ["22001", "22P05", "23505", "23503", "54000", "54001", "42703", "21000", "0A000", "P0001"]
)
def test_what_it_says_of_values_and_statements_is_none(state: str) -> None:
    assert not is_outage(of_postgres(state))


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_READONLY_DIRECTORY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_BUSY_SNAPSHOT,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_PROTOCOL,
    ],
)
def test_so_it_is_with_sqlite(code: int) -> None:
    assert is_outage(of_sqlite(code))


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_ERROR]
)
def test_so_it_is_with_values_in_sqlite(code: int) -> None:
    assert not is_outage(of_sqlite(code))


async def execute(unit_of_work: UnitOfWorkFactory, *statements: str, **values: Any) -> None:
    """Execute statements in one transaction, the last one with values."""
    async with unit_of_work() as work:
        for statement in statements[:-1]:
            await work.session.execute(text(statement))
        await work.session.execute(text(statements[-1]), values)
        await work.commit()


@pytest.mark.parametrize(
    "value", [2**70, "text \ud800", object(), 10**400], ids=["too large", "surrogate", "of no kind", "huge"]
)
async def test_a_value_that_the_driver_refuses_is_no_outage(unit_of_work: UnitOfWorkFactory, value: Any) -> None:
    with pytest.raises((DBAPIError, ValueError, OverflowError)):
        await execute(unit_of_work, "DELETE FROM outbox WHERE id = :id", id=value)


async def test_a_row_that_is_there_already_is_no_outage(unit_of_work: UnitOfWorkFactory) -> None:
    with pytest.raises(IntegrityError):
        await execute(unit_of_work, "INSERT INTO tenants SELECT * FROM tenants")


async def test_a_server_that_only_reads_is_an_outage(engine: AsyncEngine, unit_of_work: UnitOfWorkFactory) -> None:
    only_reads = {"sqlite": "PRAGMA query_only=ON", "postgresql": "SET TRANSACTION READ ONLY"}
    with pytest.raises(DatabaseUnavailable):
        await execute(unit_of_work, only_reads[engine.dialect.name], "UPDATE tenants SET display_name = 'x'")


async def test_a_connection_that_is_lost_is_an_outage(postgres_engine: AsyncEngine) -> None:
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    with pytest.raises(DatabaseUnavailable) as raised:
        await execute(unit_of_work, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert raised.value.__cause__ is not None


async def test_a_statement_that_takes_too_long_is_an_outage(postgres_engine: AsyncEngine) -> None:
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    with pytest.raises(DatabaseUnavailable):
        await execute(unit_of_work, "SET LOCAL statement_timeout = 10", "SELECT pg_sleep(20)")


async def test_too_many_connections_are_an_outage(postgres_engine: AsyncEngine, postgres_url: str) -> None:
    few = create_engine(postgres_url.replace("postgres@", "few@"))
    async with postgres_engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("CREATE ROLE few LOGIN CONNECTION LIMIT 0"))
        try:
            with pytest.raises(DatabaseUnavailable) as raised:
                await execute(UnitOfWorkFactory(few, write_events), "SELECT 1")
        finally:
            await connection.execute(text("DROP ROLE few"))
            await few.dispose()
    assert "too many connections" in str(raised.value.__cause__)
