"""A connection to SQLite that needs one switch to its thread per statement."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import Any

import aiosqlite
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["CACHE_SIZE", "SqliteConnection", "SqliteCursor", "connect", "spilling"]

CACHE_SIZE = -65536
"""Page cache of a connection, in SQLite's notation: a negative number is KiB."""


class SqliteCursor:
    """The part of `aiosqlite.Cursor` that SQLAlchemy uses.

    In aiosqlite, creating a cursor, executing, fetching and closing are one switch to the connection's thread each, and
    a switch costs as much as many rows. Here they are one switch, which fetches all rows.
    """

    arraysize = 1

    def __init__(self, connection: "SqliteConnection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Sequence[Any] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> "SqliteCursor":
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> "SqliteCursor":
        """Execute a statement and fetch all its rows."""
        await self._visit(sqlite3.Cursor.execute, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "SqliteCursor":
        """Execute a statement for each of the parameters."""
        await self._visit(sqlite3.Cursor.executemany, sql, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        """Return the fetched rows, once."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Drop the fetched rows."""
        self._rows = []

    async def _visit(self, execute: Callable[..., object], sql: str, parameters: Any) -> None:
        await self._connection.call(self._run, self._connection.beginning(), execute, sql, parameters)

    def _run(self, begin: str | None, execute: Callable[..., object], sql: str, parameters: Any) -> None:
        cursor = self._connection._conn.cursor()
        try:
            if begin is not None:
                cursor.execute(begin)
            execute(cursor, sql, parameters)
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
            self._rows = cursor.fetchall() if cursor.description else []
        finally:
            cursor.close()


class SqliteConnection(aiosqlite.Connection):
    """A connection of aiosqlite with cheaper cursors, whose transactions begin with their first statement."""

    _begin: str | None = None
    """Statement that begins the present transaction, if it has no other statement yet."""

    def begin(self, statement: str) -> None:
        """Begin a transaction together with its first statement, just before it."""
        self._begin = statement

    def beginning(self) -> str | None:
        """Return, once, the statement that begins the transaction; None if it has begun, or there is none."""
        begin, self._begin = self._begin, None
        return begin

    async def commit(self) -> None:
        """Commit. Does nothing for a transaction without a statement."""
        if self.beginning() is None:
            await super().commit()

    async def rollback(self) -> None:
        """Roll back. Does nothing for a transaction without a statement."""
        if self.beginning() is None:
            await super().rollback()

    def cursor(self) -> SqliteCursor:  # type: ignore[override]  # nothing to wait for
        """Return a cursor."""
        return SqliteCursor(self)

    async def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function in the connection's thread."""
        await self._execute(function, *arguments)  # type: ignore[no-untyped-call]


async def connect(database: str, **options: Any) -> SqliteConnection:
    """Return an open connection.

    Args:
        database: Path of the file.
        options: Options of `sqlite3.connect`.
    """
    connection = SqliteConnection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True
    try:
        await connection
    except BaseException:
        # If the file can't be opened, its thread still notifies our loop of its end. The loop must not be closed
        # before that, or the thread prints an error.
        connection._thread.join()
        raise
    return connection


@contextlib.asynccontextmanager
async def spilling(connection: AsyncConnection) -> AsyncIterator[None]:
    """Make a connection write changed pages to disk at once, and not at the commit, within a block.

    A transaction that is rolled back then detects a full disk as well.
    """
    await connection.exec_driver_sql("PRAGMA cache_size=1")
    await connection.exec_driver_sql("PRAGMA cache_spill=1")
    try:
        yield
    finally:
        # Spilling remains allowed above a number of pages that our transactions never reach.
        await connection.exec_driver_sql(f"PRAGMA cache_size={CACHE_SIZE}")
