"""Fixtures for a fresh database of each kind: an SQLite file and a PostgreSQL database."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.upgrade import upgrade
from tests.support.engines import new_engine
from tests.support.memory import new_folder
from tests.support.once import made_once
from tests.support.postgres import PostgresServer
from tests.support.renewed_database import TEMPLATE, RenewedDatabase, run_statements
from tests.support.waiting import WAIT

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

TEMPLATE_FILE = "template.db"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server for this process of the test run, with a template of our tables."""
    with made_once(tmp_path_factory, "postgres", _make_server) as made:
        server = PostgresServer(template=made / "data")
        try:
            server.start()
            yield server
        finally:
            server.remove()


@pytest.fixture(scope="session")
def _renewed(postgres: PostgresServer) -> Iterator[RenewedDatabase]:
    database = RenewedDatabase(postgres)
    yield database
    database.close()


@pytest.fixture
def postgres_url(_renewed: RenewedDatabase) -> Iterator[str]:
    """URL of a PostgreSQL database with our tables and the default tenant, as if it were new."""
    yield _renewed.url
    _renewed.renew()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An SQLite file with our tables and the default tenant, to be copied."""
    with made_once(tmp_path_factory, "sqlite", _make_file) as made:
        yield made / TEMPLATE_FILE


@pytest.fixture(scope="session")
def sqlite_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for SQLite files."""
    folder = new_folder()
    yield tmp_path_factory.mktemp("sqlite-files") if folder is None else folder
    if folder is not None:
        shutil.rmtree(folder)


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
    async with asyncio.timeout(WAIT), engine.connect() as connection:
        while not await connection.scalar(text(waits)):
            # Activity is as of the transaction's first look.
            await connection.rollback()
            await asyncio.sleep(0.005)


async def administrate(server: PostgresServer, statement: str) -> None:
    """Run a statement that can't be in a transaction, such as CREATE DATABASE."""
    await run_statements(server.url(), [statement])


async def copy_template(server: PostgresServer, name: str, template: str = TEMPLATE) -> None:
    """Make a copy of a database: by default one with our tables and the default tenant."""
    await administrate(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")


def _make_server(folder: Path) -> None:
    """Make the data of a PostgreSQL server that has the template."""
    server = PostgresServer()
    try:
        server.start()
        asyncio.run(administrate(server, f"CREATE DATABASE {TEMPLATE}"))
        asyncio.run(upgrade(server.url(TEMPLATE)))
        server.stop()
        server.save(folder / "data")
    finally:
        server.remove()


def _make_file(folder: Path) -> None:
    """Make the file that is the template."""
    path = folder / TEMPLATE_FILE
    asyncio.run(upgrade(f"sqlite+aiosqlite:///{path}"))
    # The copy must not depend on files beside the template.
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
