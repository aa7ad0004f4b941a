"""Real processes for the tests of this folder."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.databases import administrate
from tests.support.deployment import Deployment, deploy
from tests.support.postgres import PostgresServer


@pytest.fixture
async def bare_postgres_url(postgres: PostgresServer) -> AsyncIterator[str]:
    """URL of a PostgreSQL database without a single table."""
    name = f"test_{uuid.uuid4().hex}"
    await administrate(postgres, f"CREATE DATABASE {name}")
    yield postgres.url(name)
    await administrate(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database of each kind in turn without a single table: `citrine db upgrade` makes them."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'citrine.db'}"
    url: str = request.getfixturevalue("bare_postgres_url")
    return url


@pytest.fixture
async def deployment(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """One core and one edge on an empty database."""
    async with deploy(database_url, tmp_path / "citrine") as running:
        yield running


@pytest.fixture
async def cluster(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """Two cores and two edges on one empty database."""
    async with deploy(database_url, tmp_path / "citrine", cores=2, edges=2) as running:
        yield running
