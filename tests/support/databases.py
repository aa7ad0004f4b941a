"""Fixtures for a fresh database of each kind: an SQLite file and a PostgreSQL database."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.upgrade import upgrade
from tests.support.engines import new_engine
from tests.support.postgres import PostgresServer

__all__ = [
    "administrate",
    "copy_template",
    "database_url",
    "empty_database_url",
    "empty_postgres_url",
    "engine",
    "postgres",
    "postgres_engine",
    "postgres_url",
    "somebody_waits",
    "sqlite_folder",
    "sqlite_template",
    "sqlite_url",
    "unit_of_work",
]

_TEMPLATE = "citrine_template"

_CITRINE = "citrine"
"""The copy of the template that tests use one after the other."""

_IN_MEMORY = Path("/dev/shm")
"""A file system in memory, as Linux has it."""

_ROOM = 2**30
"""Free bytes of it from which on tests use it."""

_FILLED = (
    "SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
    "AND pg_relation_size(oid) > 0"
)
"""Tables that have, or had, rows."""

_SHAPE = (
    "SELECT md5(string_agg(concat_ws(' ', attrelid, attnum, attname, atttypid, attnotnull), ',' "
    "ORDER BY attrelid, attnum)) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
    "WHERE relnamespace = 'public'::regnamespace"
)
"""Changes with every change of tables, columns and indexes."""

_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the test run, with a template of our tables and a copy of it."""
    server = PostgresServer()
    try:
        server.start()
        asyncio.run(administrate(server, f"CREATE DATABASE {_TEMPLATE}"))
        asyncio.run(_create_tables(server.url(_TEMPLATE)))
        asyncio.run(_keep_first_rows(server.url(_TEMPLATE)))
        asyncio.run(copy_template(server))
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def _shape(postgres: PostgresServer) -> str:
    async def read() -> str:
        async with _connected(postgres.url(_CITRINE)) as connection:
            return str(await connection.scalar(text(_SHAPE)))

    return asyncio.run(read())


@pytest.fixture
async def postgres_url(postgres: PostgresServer, _shape: str) -> AsyncIterator[str]:
    """URL of a PostgreSQL database with our tables and the default tenant, as if it were new."""
    url = postgres.url(_CITRINE)
    yield url
    if not await _empty(url, _shape):
        await administrate(postgres, f"DROP DATABASE {_CITRINE} WITH (FORCE)")
        await copy_template(postgres)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with our tables and the default tenant, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_create_tables(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def sqlite_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for SQLite files: in memory, where there is room, for each commit waits until it is on the disk."""
    if _IN_MEMORY.is_dir() and os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > _ROOM:
        with tempfile.TemporaryDirectory(prefix="citrine-tests-", dir=_IN_MEMORY) as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.mktemp("sqlite-files")


@pytest.fixture
def sqlite_url(sqlite_template: Path, sqlite_folder: Path) -> Iterator[str]:
    """URL of a fresh SQLite file with our tables and the default tenant."""
    with tempfile.TemporaryDirectory(dir=sqlite_folder) as folder:
        yield f"sqlite+aiosqlite:///{shutil.copy(sqlite_template, Path(folder) / 'citrine.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a fresh database of each kind in turn."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
async def empty_postgres_url(postgres: PostgresServer) -> AsyncIterator[str]:
    """URL of a PostgreSQL database without tables."""
    name = f"test_{uuid.uuid4().hex}"
    await administrate(postgres, f"CREATE DATABASE {name}")
    yield postgres.url(name)
    await administrate(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without tables of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


@pytest.fixture
async def postgres_engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a fresh PostgreSQL database."""
    engine = new_engine(postgres_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a fresh database of each kind in turn."""
    engine = new_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def unit_of_work(engine: AsyncEngine) -> UnitOfWorkFactory:
    """Opens units of work on a fresh database of each kind in turn."""
    from citrine_core.events import write_events

    return UnitOfWorkFactory(engine, write_events)


async def somebody_waits(engine: AsyncEngine) -> None:
    """Wait until a transaction on a PostgreSQL database waits for the lock of another."""
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(20), engine.connect() as connection:
        while not await connection.scalar(text(waits)):
            # Activity is as of the transaction's first look.
            await connection.rollback()


async def administrate(server: PostgresServer, statement: str) -> None:
    """Run a statement that can't be in a transaction, such as CREATE DATABASE."""
    engine = new_engine(server.url())
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text(statement))
    finally:
        await engine.dispose()


async def copy_template(server: PostgresServer, name: str = _CITRINE) -> None:
    """Make a database with our tables and the default tenant."""
    # Copied as files: for tables without rows, several times faster than by the log.
    await administrate(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")


async def _keep_first_rows(url: str) -> None:
    """Keep the rows that a new database has in a schema of their own."""
    async with _connected(url) as connection:
        await connection.execute(text("CREATE SCHEMA first"))
        for table in (await connection.scalars(text(_FILLED))).all():
            await connection.execute(text(f"CREATE TABLE first.{table} AS TABLE public.{table}"))


async def _empty(url: str, shape: str) -> bool:
    """Make a database as it was when it was new, faster than a copy is made; return False where its tables changed."""
    async with _connected(url) as connection:
        await connection.execute(text(_OTHERS))
        if await connection.scalar(text(_SHAPE)) != shape:
            return False
        filled = (await connection.scalars(text(_FILLED))).all()
        await connection.execute(text(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY CASCADE"))
        kept = text("SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'first'::regnamespace")
        for table in (await connection.scalars(kept)).all():
            await connection.execute(text(f"INSERT INTO public.{table} SELECT * FROM first.{table}"))
    return True


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AsyncConnection]:
    engine = new_engine(url)
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


async def _create_tables(url: str) -> None:
    await upgrade(url)
    if url.startswith("sqlite"):
        # The copy must not depend on files beside the template.
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(url.removeprefix("sqlite+aiosqlite:///") + suffix).unlink()
