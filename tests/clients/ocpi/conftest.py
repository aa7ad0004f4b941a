"""What tests of the OCPI adapter share."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from citrine_ocpi.db import Database, upgrade
from tests.clients.ocpi.read_specification import VARIABLE
from tests.support.databases import administrate, copy_template
from tests.support.postgres import PostgresServer

# The specification may not be handed on with the project: who has it names its folder.
collect_ignore = [] if os.environ.get(VARIABLE) else ["test_specification.py"]

TEMPLATE = "citrine_ocpi_template"
"""A PostgreSQL database with the adapter's tables, to be copied."""


@pytest.fixture(params=["sqlite", "postgresql"])
def adapter_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database for an adapter of each kind in turn, as it is after a first start."""
    if request.param == "sqlite":
        # An adapter of tests makes it.
        return f"sqlite+aiosqlite:///{tmp_path / 'adapter.db'}"
    url: str = request.getfixturevalue("_postgres_copy")
    return url


@pytest.fixture(scope="session")
def _postgres_template(postgres: PostgresServer) -> str:
    asyncio.run(_make(postgres))
    return TEMPLATE


@pytest.fixture
async def _postgres_copy(postgres: PostgresServer, _postgres_template: str) -> AsyncIterator[str]:
    name = f"ocpi_{uuid.uuid4().hex}"
    await copy_template(postgres, name, _postgres_template)
    yield postgres.url(name)
    await administrate(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def _make(server: PostgresServer) -> None:
    await administrate(server, f"CREATE DATABASE {TEMPLATE}")
    database = Database(server.url(TEMPLATE))
    await upgrade(database)
    await database.close()
