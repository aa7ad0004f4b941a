"""Engines for SQLite and PostgreSQL, set up the same way everywhere."""

import asyncio
import sqlite3
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from citrine_core.db.postgres import CONNECT_TIMEOUT, AbortablePool, connect_arguments
from citrine_core.db.sqlite import CACHE_SIZE, connect

__all__ = ["POOL_SIZE", "READ_ONLY", "create_engine"]

READ_ONLY = "citrine_read_only"
"""Execution option of a connection that will write nothing."""

BUSY_TIMEOUT = 10.0
"""Seconds that SQLite waits for another process to end its transaction."""

WAL_RETRY = 0.05
"""Seconds between two tries to switch a new SQLite file to its write-ahead log."""

POOL_SIZE = 8
"""Connections that are kept open; up to 10 more are opened and closed as they are needed."""


def create_engine(
    url: str, *, pool_size: int = POOL_SIZE, busy_timeout: float = BUSY_TIMEOUT, limited: bool = True
) -> AsyncEngine:
    """Return an engine for a SQLAlchemy URL; connects to nothing yet.

    Args:
        url: Of a database that is supported.
        pool_size: Connections that are kept open.
        busy_timeout: Seconds that SQLite waits for another process to end its transaction.
        limited: Whether PostgreSQL has limits of time for statements and locks; migrations go without.

    Raises:
        ValueError: When the URL is of no database that is supported.
    """
    # Errors of statements go to the log, and their parameters may be id tokens.
    if url.startswith("sqlite+aiosqlite:"):
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            # A connection's pages stay valid in its memory until another one writes.
            pool_use_lifo=True,
            # Units of work end their transactions themselves; to roll back what is committed costs another visit.
            pool_reset_on_return=None,
            hide_parameters=True,
            connect_args={"timeout": busy_timeout, "async_creator_fn": connect},
        )
        _set_up_sqlite(engine, busy_timeout)
        return engine
    if url.startswith("postgresql+asyncpg:"):
        return create_async_engine(
            url,
            poolclass=AbortablePool,
            pool_size=pool_size,
            pool_timeout=CONNECT_TIMEOUT,
            pool_use_lifo=True,
            hide_parameters=True,
            connect_args=connect_arguments(limited=limited),
        )
    raise ValueError("the database must be a URL of sqlite+aiosqlite or postgresql+asyncpg")


def _set_up_sqlite(engine: AsyncEngine, busy_timeout: float) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, record: object) -> None:
        # We say BEGIN ourselves; the driver would do so at the first write, too late to be
        # sure of what was read before.
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


def _switch_to_wal(cursor: Any, timeout: float) -> None:
    """Have the file use a write-ahead log.

    Where several connect to a new file at once, SQLite refuses all but one of them without waiting, because each
    reads the file before it changes its mode. The others try again.
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
