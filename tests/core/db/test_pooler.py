"""A core does not start with a connection pooler that gives it no sessions of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.engine import make_url

from citrine_core.db import create_engine
from citrine_core.db.databases import database_of
from tests.support.databases import administrate
from tests.support.pooler import pooled
from tests.support.postgres import PostgresServer

LIMITS = ("idle_in_transaction_session_timeout = '5s'", "lock_timeout = '8s'")


@pytest.fixture
async def limited(postgres: PostgresServer) -> AsyncIterator[str]:
    """A role whose sessions have the limits that cores ask for."""
    await administrate(postgres, "CREATE ROLE limited SUPERUSER LOGIN")
    for limit in LIMITS:
        await administrate(postgres, f"ALTER ROLE limited SET {limit}")
    yield "limited"
    await administrate(postgres, "DROP ROLE limited")


async def problem(url: str, port: int, user: str) -> str | None:
    changed = make_url(url).set(port=port, username=user)
    engine = create_engine(changed.render_as_string(hide_password=False))
    try:
        return await database_of(engine).find_problem(engine)
    finally:
        await engine.dispose()


async def test_a_database_without_a_pooler_has_no_problem(database_url: str) -> None:
    engine = create_engine(database_url)
    assert await database_of(engine).find_problem(engine) is None
    await engine.dispose()


async def test_a_pooler_that_ignores_our_limits_is_named(postgres: PostgresServer, postgres_url: str) -> None:
    async with pooled(postgres.port, shares=False) as port:
        found = await problem(postgres_url, port, "postgres")
    assert found is not None
    assert "ignores settings of the connection (idle_in_transaction_session_timeout, lock_timeout)" in found


async def test_sessions_of_its_own_are_enough_where_the_role_has_the_limits(
    postgres: PostgresServer, postgres_url: str, limited: str
) -> None:
    async with pooled(postgres.port, shares=False) as port:
        assert await problem(postgres_url, port, limited) is None


async def test_a_pooler_by_transaction_is_named(postgres: PostgresServer, postgres_url: str, limited: str) -> None:
    async with pooled(postgres.port, shares=True) as port:
        found = await problem(postgres_url, port, limited)
    assert found is not None
    assert "shares sessions of PostgreSQL among clients" in found


async def test_a_core_says_so_in_a_line_and_does_not_start(
    postgres: PostgresServer, postgres_url: str, limited: str
) -> None:
    async with pooled(postgres.port, shares=True) as port:
        url = make_url(postgres_url).set(port=port, username=limited).render_as_string(hide_password=False)
        core = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "citrine_core.app", "--database", url, stderr=asyncio.subprocess.PIPE
        )
        _, said = await core.communicate()
    assert core.returncode == 1
    [line] = said.decode().splitlines()
    assert line.startswith("citrine core: the database can't be used: ")
    assert line.endswith("docs/deployment.md")
