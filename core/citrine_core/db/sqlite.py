"""A connection to SQLite that asks its thread once for each statement."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import Any

import aiosqlite
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["CACHE_SIZE", "SqliteConnection", "SqliteCursor", "connect", "spilling"]

CACHE_SIZE = -65536
"""Memory of a connection for pages, as SQLite has it: below zero in KiB."""


class SqliteCursor:
    """The part of `aiosqlite.Cursor` that SQLAlchemy uses.

    There to make a cursor, to execute, to fetch and to close it are one visit of the connection's thread each, and
    each visit costs as much as many rows. Here they are one visit together, which fetches all rows.
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
        """Execute a statement and fetch all that it returns."""
        await self._visit(sqlite3.Cursor.execute, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "SqliteCursor":
        """Execute a statement for each of the parameters."""
        await self._visit(sqlite3.Cursor.executemany, sql, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        """Return what was fetched, once."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Forget what was fetched."""
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
    """How the transaction begins that has no statement yet."""

    def begin(self, statement: str) -> None:
        """Have a transaction begin on the visit of its first statement, and before it."""
        self._begin = statement

    def beginning(self) -> str | None:
        """Return how to begin the transaction that waits for its first statement, once; None where none waits."""
        begin, self._begin = self._begin, None
        return begin

    async def commit(self) -> None:
        """Commit; of a transaction without a statement there is nothing to."""
        if self.beginning() is None:
            await super().commit()

    async def rollback(self) -> None:
        """Roll back; of a transaction without a statement there is nothing to."""
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
        options: As of `sqlite3.connect`.
    """
    connection = SqliteConnection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True
    try:
        await connection
    except BaseException:
        # Where the file can't be opened its thread still tells our loop that it ends. The loop must not be closed
        # before, or the thread says so on stderr.
        connection._thread.join()
        raise
    return connection


@contextlib.asynccontextmanager
async def spilling(connection: AsyncConnection) -> AsyncIterator[None]:
    """Have a connection write changed pages to the disk at once, and not with the commit, for the time of a block.

    So a transaction that is rolled back tells, too, whether there is as much space on the disk.
    """
    await connection.exec_driver_sql("PRAGMA cache_size=1")
    await connection.exec_driver_sql("PRAGMA cache_spill=1")
    try:
        yield
    finally:
        # Spilling stays allowed from a number of pages on that the cache does not get to in our transactions.
        await connection.exec_driver_sql(f"PRAGMA cache_size={CACHE_SIZE}")
