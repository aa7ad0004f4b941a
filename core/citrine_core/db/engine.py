"""Engines for SQLite and PostgreSQL."""

import asyncio
import sqlite3
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from citrine_core.db.databases import database_of
from citrine_core.db.error_texts import conceal_values_of
from citrine_core.db.postgres import CONNECT_TIMEOUT, AbortablePool, connect_arguments
from citrine_core.db.sqlite import CACHE_SIZE, connect

__all__ = ["POOL_SIZE", "READ_ONLY", "create_engine"]

READ_ONLY = "citrine_read_only"
"""Execution option of a read-only connection."""

BUSY_TIMEOUT = 10.0
"""Seconds that SQLite waits for another process to end its transaction."""

WAL_RETRY = 0.05
"""Seconds between attempts to switch a new SQLite file to its write-ahead log."""

POOL_SIZE = 8
"""Size of the pool; up to 10 more connections are opened on demand, and closed after use."""


def create_engine(
    url: str, *, pool_size: int = POOL_SIZE, busy_timeout: float = BUSY_TIMEOUT, limited: bool = True
) -> AsyncEngine:
    """Return an engine for a SQLAlchemy URL; connects to nothing yet.

    Args:
        url: URL of a supported database.
        pool_size: Connections that remain open.
        busy_timeout: Seconds that SQLite waits for another process to end its transaction.
        limited: Whether statements and locks on PostgreSQL have time limits. False for migrations.

    Raises:
        ValueError: When the URL is not of a supported database.
    """
    # Errors of statements go to the log, and their parameters may be id tokens.
    if url.startswith("sqlite+aiosqlite:"):
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            # The page cache of a connection remains valid until another one writes.
            pool_use_lifo=True,
            # Units of work end their transactions themselves. A rollback after a commit would cost another switch.
            pool_reset_on_return=None,
            hide_parameters=True,
            connect_args={"timeout": busy_timeout, "async_creator_fn": connect},
        )
        _set_up_sqlite(engine, busy_timeout)
        return engine
    if url.startswith("postgresql+asyncpg:"):
        engine = create_async_engine(
            url,
            poolclass=AbortablePool,
            pool_size=pool_size,
            pool_timeout=CONNECT_TIMEOUT,
            pool_use_lifo=True,
            hide_parameters=True,
            connect_args=connect_arguments(limited=limited),
        )
        _set_up_postgresql(engine)
        return engine
    raise ValueError("the database must be a URL of sqlite+aiosqlite or postgresql+asyncpg")


def _set_up_sqlite(engine: AsyncEngine, busy_timeout: float) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, record: object) -> None:
        # BEGIN is sent by us. The driver would send it at the first write, too late to
        # protect what was read before.
        connection.isolation_level = None
        cursor = connection.cursor()
        _switch_to_wal(cursor, busy_timeout)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", f"cache_size={CACHE_SIZE}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get(READ_ONLY, False)
        driver: Any = connection.connection.driver_connection
        driver.begin("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _set_up_postgresql(engine: AsyncEngine) -> None:
    conceal_values_of(engine.sync_engine)

    def flush(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if driver.deferred:
            await_only(database_of(connection).direct(connection).flush())

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def on_statement(
        connection: Connection, cursor: object, text: str, values: object, context: object, _: bool
    ) -> None:
        # Without a context, it is not SQLAlchemy that executes it.
        if context is not None:
            flush(connection)

    @event.listens_for(engine.sync_engine, "commit")
    def on_commit(connection: Connection) -> None:
        try:
            flush(connection)
        except Exception:
            # SQLAlchemy counts the transaction as ended.
            if not connection.invalidated:
                _end(connection)
            raise

    @event.listens_for(engine.sync_engine, "rollback")
    def on_rollback(connection: Connection) -> None:
        if not connection.invalidated:
            driver: Any = connection.connection.driver_connection
            driver.deferred = []


def _end(connection: Connection) -> None:
    """Roll back, or drop a connection that can't."""
    dbapi_connection: Any = connection.connection.dbapi_connection
    try:
        dbapi_connection.rollback()
    except Exception:
        connection.invalidate()


def _switch_to_wal(cursor: Any, timeout: float) -> None:
    """Make the file use a write-ahead log.

    If several processes connect to a new file at once, SQLite refuses all but one without waiting, because each reads
    the file before it changes its mode. The others retry.
    """
    tries = round(timeout / WAL_RETRY)
    while True:
        tries -= 1
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if tries < 0:
                raise
            await_only(asyncio.sleep(WAL_RETRY))
        else:
            return
