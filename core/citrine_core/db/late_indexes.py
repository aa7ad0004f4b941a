"""Builds what migrations left for later: indexes of tables with rows on PostgreSQL, while cores go on writing."""

import hashlib
from collections.abc import Callable, Iterator

from sqlalchemy import Index, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import CreateIndex

from citrine_core.db.databases import database_of
from citrine_core.db.migrations.indexes import SUPERSEDED
from citrine_core.db.partitions import PARTITIONED
from citrine_core.db.session_locks import lock_session
from citrine_core.db.tables import metadata, own_tables

__all__ = ["build_late_indexes"]

_LOCK = 0x6369_7472_0004
"""Advisory lock of the upgrade that builds indexes."""

LONGEST_NAME = 63
"""Of an index of PostgreSQL."""

Say = Callable[[str], None]


async def build_late_indexes(engine: AsyncEngine, say: Say) -> None:
    """Build the indexes of the models that a database lacks or could not finish, and drop those that they replace.

    What was interrupted is done by the next call. Nothing where indexes are never late.

    Args:
        engine: The caller disposes of it, which ends the lock that excludes others from building the same.
        say: Is called with what is built next.
    """
    if not database_of(engine).builds_indexes_late:
        return
    async with engine.connect() as plain:
        # A build has transactions of its own.
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await lock_session(connection, _LOCK)
        await _build(connection, say)


async def _build(connection: AsyncConnection, say: Say) -> None:
    present = await _present(connection)
    missing = [one for one in _of_models() if not present.get(_name(connection, one))]
    for number, index in enumerate(missing, 1):
        name = _name(connection, index)
        say(f"index {number} of {len(missing)}  {name}")
        if index.table is not None and index.table.name in PARTITIONED:
            await _build_partitioned(connection, index, present)
        else:
            await _build_one(connection, index, name, str(index.table), present)
    for name in SUPERSEDED:
        if name in present:
            await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))


def _name(connection: AsyncConnection, index: Index) -> str:
    """Return the name of an index in the database, where a long one is cut."""
    return connection.dialect.identifier_preparer.format_index(index)


def _of_models() -> Iterator[Index]:
    tables = metadata().tables
    for name in sorted(own_tables()):
        yield from sorted(tables[name].indexes, key=lambda index: str(index.name))


async def _present(connection: AsyncConnection) -> dict[str, bool]:
    """Return the names of all indexes, and whether each is complete."""
    rows = await connection.execute(
        text(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE relnamespace = current_schema\\:\\:regnamespace"
        )
    )
    return {row.relname: row.indisvalid for row in rows}


async def _build_one(
    connection: AsyncConnection, index: Index, name: str, table: str, present: dict[str, bool]
) -> None:
    if name in present:
        # It was interrupted.
        await connection.execute(text(f"DROP INDEX CONCURRENTLY {name}"))
    await connection.execute(text(_statement(connection, index, f"CONCURRENTLY {name} ON {table}")))


async def _build_partitioned(connection: AsyncConnection, index: Index, present: dict[str, bool]) -> None:
    """Build an index of each partition, and make one of them.

    The index of the whole table comes first, so that partitions that are created meanwhile have theirs.
    """
    name, table = _name(connection, index), str(index.table)
    if name not in present:
        await connection.execute(text(_statement(connection, index, f"{name} ON ONLY {table}")))
    partitions = await connection.scalars(
        text(
            "SELECT inhrelid\\:\\:regclass\\:\\:text FROM pg_inherits WHERE inhparent = to_regclass(:table)"
            " AND NOT EXISTS (SELECT 1 FROM pg_index AS i JOIN pg_inherits AS h ON h.inhrelid = i.indexrelid"
            " WHERE i.indrelid = pg_inherits.inhrelid AND h.inhparent = to_regclass(:name))"
        ),
        {"table": table, "name": name},
    )
    for partition in partitions.all():
        own = _of_partition(name, partition.removeprefix(table))
        await _build_one(connection, index, own, partition, present)
        await connection.execute(text(f"ALTER INDEX {name} ATTACH PARTITION {own}"))


def _of_partition(name: str, suffix: str) -> str:
    if len(name) + len(suffix) <= LONGEST_NAME:
        return name + suffix
    short = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - len(suffix) - 9]}_{short}{suffix}"


def _statement(connection: AsyncConnection, index: Index, of: str) -> str:
    plain = str(CreateIndex(index).compile(dialect=connection.dialect))
    return plain.replace(f"INDEX {_name(connection, index)} ON {index.table}", f"INDEX {of}", 1)
