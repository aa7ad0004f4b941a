"""Cores go on writing while an upgrade builds indexes, and one that was interrupted is finished by the next."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.db import create_engine
from citrine_core.db.migrations.env import compare_options
from citrine_core.db.tables import metadata
from citrine_core.db.upgrade import alembic_config, upgrade
from tests.support.databases import somebody_waits

ROWS = 2000

FILL = (
    "INSERT INTO commands (tenant_id, command_id, station_id, action, state, is_native, payload, error_code,"
    " error_description, requested_by, reason, timeout, when_online, create_time)"
    " SELECT 'default', lpad(to_hex(n), 12, '0'), 'CS-1', 'Reset', 3, false, '{}', '', '', 'x', '', 1, false, now()"
    " FROM generate_series(CAST(:first AS integer), :last) AS n",
    "INSERT INTO tokens (tenant_id, lookup, type, id_token, status, group_id, master_pass, language, second_language,"
    " message, charging_priority, description, create_time, version)"
    " SELECT 'default', n, 'Central', n, 1, 'group', false, '', '', '', 0, '', now(), 1"
    " FROM generate_series(CAST(:first AS integer), :last) AS n",
    "INSERT INTO security_events (tenant_id, station_id, type, event_time, request, create_time)"
    " SELECT 'default', 'CS-1', n, now(), '', now() FROM generate_series(CAST(:first AS integer), :last) AS n",
)
"""Writes rows as the version before the upgrade does."""

ASSIGN = (
    "INSERT INTO tariff_assignments (tenant_id, assignment_id, tariff_id, station_id, evse_id, location_id,"
    " station_group, station_labels, label_digest, group_id, id_token, id_token_lookup, id_token_type, create_time)"
    " VALUES ('default', :id, 'KWH', '', 0, '', '', '', '', '', '', '', '', now())"
)


def _to(connection: Connection, revision: str) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts=compare_options())
    return list(compare_metadata(context, metadata()))


async def _write(engine: AsyncEngine, first: int, last: int) -> None:
    """Write, and fail where a table is locked."""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        for statement in FILL:
            await connection.execute(text(statement), {"first": first, "last": last})


@contextlib.asynccontextmanager
async def patient_reader(url: str) -> AsyncIterator[AsyncConnection]:
    """Connect somebody who sees the database as it is now, however long the upgrade takes until it waits for that."""
    engine = create_engine(url, limited=False)
    async with engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
        yield connection
    await engine.dispose()


async def test_cores_of_before_write_while_indexes_are_built(empty_postgres_url: str) -> None:
    engine = create_engine(empty_postgres_url)
    async with engine.begin() as connection:
        await connection.run_sync(_to, "0044")
    await _write(engine, 1, ROWS)

    async with patient_reader(empty_postgres_url) as old:
        # An index is not complete as long as somebody sees the database as it was before.
        await old.execute(text("SELECT 1"))
        upgrading = asyncio.create_task(upgrade(empty_postgres_url))
        await somebody_waits(engine)
        await _write(engine, ROWS + 1, ROWS + 2)
        # The upgrade is interrupted.
        upgrading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await upgrading
    await _write(engine, ROWS + 3, ROWS + 4)
    await upgrade(empty_postgres_url)

    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
        broken = await connection.scalars(
            text("SELECT CAST(indexrelid AS regclass) FROM pg_index WHERE NOT indisvalid")
        )
        assert broken.all() == []
        for table in ("commands", "tokens", "security_events"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == ROWS + 4
    await engine.dispose()


async def test_assignments_are_written_while_indexes_of_their_lists_are_built(empty_postgres_url: str) -> None:
    """Nothing of the upgrade's transaction keeps those out who write them; the index of before goes last."""
    engine = create_engine(empty_postgres_url)
    async with engine.begin() as connection:
        await connection.run_sync(_to, "0068")
        await connection.execute(text(ASSIGN), {"id": "A-1"})

    async with patient_reader(empty_postgres_url) as old:
        await old.execute(text("SELECT 1"))
        upgrading = asyncio.create_task(upgrade(empty_postgres_url))
        await somebody_waits(engine)
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            await connection.execute(text(ASSIGN), {"id": "A-2"})
    await upgrading

    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await engine.dispose()
