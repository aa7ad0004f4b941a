"""PgBouncer itself before PostgreSQL: what docs/deployment.md says of it is so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest, HeartbeatResponse
from citrine_core.db import create_engine
from citrine_core.db.databases import database_of
from tests.support.charging import started, updated
from tests.support.core import PASSWORD, running_core
from tests.support.databases import administrate
from tests.support.pgbouncer import ROLE, bounced, find_pgbouncer, limits_of_the_role
from tests.support.postgres import PostgresServer


@pytest.fixture
def program() -> str:
    found = find_pgbouncer()
    if found is None:
        pytest.skip("PgBouncer was not tried: it is not installed")
    return found


@pytest.fixture
async def role(postgres: PostgresServer) -> AsyncIterator[str]:
    """The role of the document, with the limits that it is given there."""
    await administrate(postgres, f"CREATE ROLE {ROLE} SUPERUSER LOGIN")
    for statement in limits_of_the_role():
        await administrate(postgres, statement)
    yield ROLE
    await administrate(postgres, f"DROP ROLE {ROLE}")


def through(url: str, port: int, user: str) -> str:
    return make_url(url).set(port=port, username=user).render_as_string(hide_password=False)


async def problem(url: str) -> str | None:
    engine = create_engine(url)
    try:
        return await database_of(engine).find_problem(engine)
    finally:
        await engine.dispose()


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_mode_that_shares_sessions_is_refused_by_name(
    program: str, postgres: PostgresServer, postgres_url: str, role: str, mode: str
) -> None:
    async with bounced(program, postgres, mode) as port:
        found = await problem(through(postgres_url, port, role))
    assert found is not None
    assert "shares sessions of PostgreSQL among clients (pool_mode is not session)" in found


async def test_settings_that_it_does_not_pass_on_are_named(
    program: str, postgres: PostgresServer, postgres_url: str, role: str
) -> None:
    await administrate(postgres, f"ALTER ROLE {role} RESET lock_timeout")
    async with bounced(program, postgres, "session") as port:
        found = await problem(through(postgres_url, port, role))
    assert found is not None
    assert "ignores settings of the connection (lock_timeout)" in found


async def test_a_core_serves_through_sessions_of_its_own(
    program: str, postgres: PostgresServer, postgres_url: str, role: str, tmp_path: Path
) -> None:
    async with (
        bounced(program, postgres, "session") as port,
        running_core(through(postgres_url, port, role), tmp_path) as core,
        core.edge() as edge,
    ):
        await core.add_station("CS-1", registration=1)
        session = await edge.connect("CS-1", PASSWORD)
        assert isinstance(await session.call(HeartbeatRequest()), HeartbeatResponse)
        await session.call(started(0, 0))
        await session.call(updated(1, 100))
