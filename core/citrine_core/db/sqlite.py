"""A connection to SQLite that needs one switch to its thread per statement, and fewer where nobody waits for one."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import Any

import aiosqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from citrine_core.db.direct import Deferred, Direct, Parameters

__all__ = ["CACHE_SIZE", "SqliteConnection", "SqliteCursor", "SqliteDirect", "connect", "spilling"]

CACHE_SIZE = -16384
"""Page cache of a connection, in SQLite's notation: a negative number is KiB.

With a large database, four times as much costs as much CPU per message and 50 MB more memory."""


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
        await self._connection.call(self._run, self._connection.pop_waiting(), execute, sql, parameters)

    def _run(self, waiting: "Waiting", execute: Callable[..., object], sql: str, parameters: Any) -> None:
        cursor = self._connection._conn.cursor()
        try:
            for statement in waiting:
                cursor.execute(*statement)
            execute(cursor, sql, parameters)
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
            self._rows = cursor.fetchall() if cursor.description else []
        finally:
            cursor.close()


Waiting = Sequence[tuple[str, Parameters]]
"""Statements that are executed together with the next one, before it."""


class SqliteConnection(aiosqlite.Connection):
    """A connection of aiosqlite with cheaper cursors.

    A transaction begins with its first statement, and statements whose end nobody awaits are executed with the next
    one, or with the commit: all in one switch to the connection's thread.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._begin: str | None = None
        """Statement that begins the present transaction, if it was not executed yet."""
        self._deferred: list[tuple[str, Parameters]] = []

    @property
    def has_begun(self) -> bool:
        """Whether the present transaction has executed a statement."""
        return self._begin is None

    def begin(self, statement: str) -> None:
        """Begin a transaction together with its first statement, just before it."""
        self._begin = statement

    def defer(self, statement: str, parameters: Parameters) -> None:
        """Execute a statement together with the next one, or with the commit."""
        self._deferred.append((statement, parameters))

    def pop_waiting(self) -> Waiting:
        """Return, once, what waits for the next statement. The caller executes all of it."""
        begin, self._begin = self._begin, None
        deferred, self._deferred = self._deferred, []
        return deferred if begin is None else [(begin, ()), *deferred]

    async def commit(self) -> None:
        """Commit, or roll back if that fails. Does nothing for a transaction without a statement."""
        if self._begin is None or self._deferred:
            await self.call(self._run, self.pop_waiting(), sqlite3.Connection.commit)
        self._begin = None

    async def rollback(self) -> None:
        """Roll back. Does nothing for a transaction that was not begun yet."""
        if self._begin is None:
            self._deferred = []
            await super().rollback()
        self.pop_waiting()

    async def flush(self) -> None:
        """Execute what waits for the next statement."""
        if self._deferred:
            await self.call(self._run, self.pop_waiting(), None)

    def _run(self, waiting: Waiting, then: Callable[[sqlite3.Connection], object] | None) -> None:
        try:
            for statement in waiting:
                self._conn.execute(*statement)
            if then is not None:
                then(self._conn)
        except sqlite3.Error:
            # Who commits counts the transaction as ended.
            if then is not None:
                self._conn.rollback()
            raise

    def cursor(self) -> SqliteCursor:  # type: ignore[override]  # nothing to wait for
        """Return a cursor."""
        return SqliteCursor(self)

    async def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function in the connection's thread."""
        # aiosqlite logs what it calls, at DEBUG.
        await self._execute(_Unsaid(function, arguments))  # type: ignore[no-untyped-call]


class _Unsaid:
    """A call that does not say its arguments, which are parameters of statements."""

    __slots__ = ("_arguments", "_function")

    def __init__(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._function = function
        self._arguments = arguments

    def __call__(self) -> object:
        return self._function(*self._arguments)

    def __repr__(self) -> str:
        return self._function.__qualname__


class SqliteDirect(Direct):
    """Statements for the connection's thread, without SQLAlchemy."""

    @property
    def _driver(self) -> SqliteConnection:
        driver: Any = self._connection.connection.driver_connection
        assert isinstance(driver, SqliteConnection)
        return driver

    async def _fetch(self, statement: str, parameters: Parameters) -> Sequence[Sequence[Any]]:
        cursor = await self._driver.cursor().execute(statement, parameters)
        return await cursor.fetchall()

    def _defer(self, statement: Deferred, text: str, parameters: Parameters) -> None:
        self._driver.defer(text, parameters)

    async def _flush(self) -> None:
        await self._driver.flush()


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
