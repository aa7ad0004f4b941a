"""A database of the state of before, with rows in each of its tables, is upgraded, and each row is what it was."""

from datetime import UTC, datetime
from typing import Any

from alembic import command
from sqlalchemy import Connection, MetaData, Table, insert, inspect, select, text
from sqlalchemy.types import TypeEngine

from citrine_core.db import create_engine
from citrine_core.db.partitions import is_partition
from citrine_core.db.schema_version import schema_is_current
from citrine_core.db.tables import own_tables
from citrine_core.db.upgrade import alembic_config, upgrade

BEFORE = "0073"
"""The revision that is in use."""

NUMBERS = range(10, 13)
"""Of the rows of each table. Migrations write a few of their own with lower ones."""

TIME = datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)


def _tables_of_before(connection: Connection) -> list[Table]:
    """Upgrade to the revision of before, and return its tables."""
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, BEFORE)
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name != "alembic_version" and not is_partition(name))
    return found.sorted_tables


def _value(name: str, kind: TypeEngine[Any], number: int) -> object:
    """Return a value of a column that no other row of its table has, if the type has so many."""
    if kind.python_type is str:
        text_ = f"{number}-{name}"
        return text_[: getattr(kind, "length", None) or len(text_)]
    if kind.python_type is datetime:
        return TIME if getattr(kind, "timezone", False) else TIME.replace(tzinfo=None)
    values: dict[type, object] = {bool: True, int: number, float: number / 2, bytes: b"\x08%d" % number}
    return values[kind.python_type]


def _fill(connection: Connection, tables: list[Table]) -> None:
    if connection.dialect.name == "postgresql":
        # Rows of anything refer to nothing.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    for table in tables:
        rows = [{one.name: _value(one.name, one.type, number) for one in table.c} for number in NUMBERS]
        connection.execute(insert(table), rows)


def _rows(connection: Connection, tables: list[Table]) -> dict[str, list[str]]:
    """Return the rows of each table of before that there still is, with the columns that there still are."""
    seen = inspect(connection)
    found = {}
    for table in tables:
        names = {one["name"] for one in seen.get_columns(table.name)}
        rows = connection.execute(select(*(column for column in table.c if column.name in names)))
        found[table.name] = sorted(str(dict(row._mapping)) for row in rows)
    return found


async def test_each_row_of_each_table_is_there_after_the_upgrade(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        tables = await connection.run_sync(_tables_of_before)
        await connection.run_sync(_fill, tables)
        before = await connection.run_sync(_rows, tables)
    assert {name: len(rows) for name, rows in before.items() if len(rows) < len(NUMBERS)} == {}
    assert len(before) >= 100

    await upgrade(empty_database_url)

    assert await schema_is_current(engine)
    async with engine.connect() as connection:
        assert await connection.run_sync(_rows, tables) == before
    assert set(before) <= own_tables()
    await engine.dispose()
