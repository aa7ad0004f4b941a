"""Tests of the indexes that both databases can have."""

import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy import Dialect, make_url
from sqlalchemy.schema import CreateIndex

from citrine_core.db import PartialIndex
from citrine_core.db.tables import metadata

CONDITION = "key_file IS NOT NULL AND revoke_time IS NULL"


def partial_indexes() -> dict[str, PartialIndex]:
    tables = metadata().tables.values()
    return {str(index.name): index for table in tables for index in table.indexes if isinstance(index, PartialIndex)}


def statement(index: PartialIndex, database: str) -> str:
    dialect: type[Dialect] = make_url(f"{database}://").get_dialect()
    return str(CreateIndex(index).compile(dialect=dialect())).strip()


@pytest.mark.parametrize("database", ["sqlite", "postgresql+asyncpg"])
def test_a_partial_index_has_its_condition_on_both_databases(database: str) -> None:
    found = statement(partial_indexes()["uq_api_keys_key_file"], database)

    assert found == f"CREATE UNIQUE INDEX uq_api_keys_key_file ON api_keys (key_file) WHERE {CONDITION}"


def test_the_partial_indexes_are_those_of_the_migrations(sqlite_url: str) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///")) as connection:
        stored = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql LIKE '% WHERE %'"))

    assert {name: statement(index, "sqlite") for name, index in partial_indexes().items()} == stored


def test_a_core_on_sqlite_loads_nothing_of_postgresql() -> None:
    """Whatever its tables are like: it would make each start longer."""
    program = (
        "import sys, citrine_core.core\n"
        "from citrine_core.db.tables import metadata\n"
        "metadata()\n"
        "print([name for name in sys.modules if name.startswith(('sqlalchemy.dialects.postgresql', 'asyncpg'))])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"
