"""Cursors of SQLite: what SQLAlchemy asks of them."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from citrine_core.db.sqlite import SqliteConnection, connect


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[SqliteConnection]:
    """A connection to a new file with a table of numbers."""
    connection = await connect(str(tmp_path / "numbers.db"))
    await connection.cursor().execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
    yield connection
    await connection.close()


async def test_execute_fetches_all_rows_and_names_their_columns(connection: SqliteConnection) -> None:
    await connection.cursor().executemany("INSERT INTO numbers VALUES (?)", [(1,), (2,)])

    cursor = await connection.cursor().execute("SELECT number FROM numbers WHERE number < ?", (3,))

    assert cursor.description is not None
    assert cursor.description[0][0] == "number"
    assert await cursor.fetchall() == [(1,), (2,)]


async def test_rows_are_returned_once(connection: SqliteConnection) -> None:
    cursor = await connection.cursor().execute("SELECT 1")
    await cursor.fetchall()

    assert await cursor.fetchall() == []


async def test_insert_tells_rows_and_key_and_returns_nothing(connection: SqliteConnection) -> None:
    cursor = await connection.cursor().execute("INSERT INTO numbers VALUES (7)")

    assert (cursor.rowcount, cursor.lastrowid, cursor.description) == (1, 7, None)
    assert await cursor.fetchall() == []


async def test_cursor_goes_on_after_a_statement_that_fails(connection: SqliteConnection) -> None:
    cursor = connection.cursor()

    with pytest.raises(sqlite3.OperationalError):
        await cursor.execute("SELECT * FROM nowhere")

    assert await (await cursor.execute("SELECT 1")).fetchall() == [(1,)]


async def test_closed_cursor_has_no_rows(connection: SqliteConnection) -> None:
    cursor = await connection.cursor().execute("SELECT 1")

    await cursor.close()

    assert await cursor.fetchall() == []


async def test_file_that_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await connect(str(tmp_path / "nowhere" / "numbers.db"))
