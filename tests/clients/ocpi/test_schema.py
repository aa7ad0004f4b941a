"""The adapter's own schema: migrations make the tables of the code, and can be taken back."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect

import citrine_ocpi.adapter
from citrine_ocpi.db import Database, upgrade
from citrine_ocpi.db.migrations.env import compare_options
from citrine_ocpi.db.upgrade import alembic_config


def _differences(connection: Connection) -> list[object]:
    options = compare_options()
    context = MigrationContext.configure(connection, opts=options)
    return [*compare_metadata(context, options["target_metadata"])]


def _take_back(connection: Connection) -> set[str]:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.downgrade(config, "base")
    return {*inspect(connection).get_table_names()} - {"alembic_version"}


async def test_migrations_make_the_tables_of_the_code_and_can_be_taken_back(empty_database_url: str) -> None:
    assert citrine_ocpi.adapter.MODULES, "they have tables"
    database = Database(empty_database_url)
    try:
        await upgrade(database)
        async with database.engine.begin() as connection:
            assert await connection.run_sync(_differences) == []
        async with database.engine.begin() as connection:
            assert await connection.run_sync(_take_back) == set()
        await upgrade(database)
        async with database.engine.begin() as connection:
            assert await connection.run_sync(_differences) == []
    finally:
        await database.close()
