"""The engine, for SQLite and PostgreSQL, and transactions on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

__all__ = ["Database"]

BUSY_TIMEOUT = 10.0
"""Seconds that SQLite waits for another process to end its transaction."""

_READ_ONLY = "citrine_read_only"

_POSTGRESQL = "postgresql+asyncpg:"


class Database:
    """The adapter's database. It connects at the first transaction.

    Args:
        url: SQLAlchemy URL of sqlite+aiosqlite or postgresql+asyncpg.
    """

    def __init__(self, url: str) -> None:
        self.engine = _create_engine(url)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        reading = self.engine.execution_options(**{_READ_ONLY: True})
        self._reading = async_sessionmaker(reading, expire_on_commit=False)
        # SQLite has one writer at a time, and who waits for it only looks again and again, up to a tenth of a second
        # apart. In this process they get it in turn.
        self._turn: AbstractAsyncContextManager[None] = nullcontext() if url.startswith(_POSTGRESQL) else asyncio.Lock()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction, which is committed where the block ends without an error."""
        async with self._turn, self._sessions.begin() as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that writes nothing, and waits for none that does."""
        async with self._reading() as session:
            yield session

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def _create_engine(url: str) -> AsyncEngine:
    # Errors of statements go to the log, and their parameters may be tokens.
    if url.startswith(_POSTGRESQL):
        return create_async_engine(url, pool_pre_ping=True, pool_use_lifo=True, hide_parameters=True)
    file = make_url(url).database
    if file and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url, pool_use_lifo=True, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT})

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, record: object) -> None:
        # BEGIN is sent by us. The driver would send it at the first write, too late to protect what was read before.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get(_READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
