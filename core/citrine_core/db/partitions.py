"""Monthly partitions of large tables, on PostgreSQL only."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.base import UtcDateTime
from citrine_core.db.databases import Database, database_of

__all__ = [
    "PARTITIONED",
    "add_partitions",
    "drop_partitions_before",
    "find_rows_before",
    "is_partition",
    "remove_rows_before",
]

PARTITIONED = {"samples": "sample_time"}
"""Partitioned tables, with the column that they are partitioned by.

Each has a partition `<table>_default` for rows of months without a partition: clocks of stations may show any year.
"""

_PARTITION = re.compile(rf"(?:{'|'.join(PARTITIONED)})_(?:default|\d{{4}}_\d\d)")

_LOCK = 0x6369_7472_0001
"""Advisory lock that prevents two cores from creating the same partition."""


def is_partition(table: str | None) -> bool:
    """Return whether a table is a partition of another one."""
    return table is not None and _PARTITION.fullmatch(table) is not None


async def add_partitions(session: AsyncSession, now: datetime, *, months: int = 3) -> list[str]:
    """Create the missing partitions of this month and the next ones, and return their names.

    Rows of such a month are moved out of the default partition. Does nothing where tables have no partitions. The
    caller commits; the table can't be written until then, so this should be the only work of its transaction.
    """
    if not database_of(session).has_partitions:
        return []
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    created = []
    for table, column in PARTITIONED.items():
        present = await _partitions_of(session, table)
        for ahead in range(months + 1):
            start, end = _month(now, ahead), _month(now, ahead + 1)
            name = f"{table}_{start:%Y_%m}"
            if name not in present:
                await _create(session, table, column, name, start, end)
                created.append(name)
    return created


async def drop_partitions_before(session: AsyncSession, time: datetime) -> list[str]:
    """Drop the partitions whose month ended before a time, with all their rows, and return their names."""
    if not database_of(session).has_partitions:
        return []
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    dropped = []
    for table in PARTITIONED:
        for name in sorted(await _partitions_of(session, table)):
            if is_partition(name) and name != f"{table}_default" and name < f"{table}_{time.astimezone(UTC):%Y_%m}":
                await session.execute(text(f"DROP TABLE {name}"))
                dropped.append(name)
    return dropped


async def find_rows_before(session: AsyncSession, table: str, time: datetime, limit: int) -> Sequence[Any]:
    """Return the locations of rows that are older than a time, and in no partition that can be dropped.

    These are rows of the default partition, and on SQLite all rows. There is no index for them.
    """
    database = database_of(session)
    source, column = _rest(database, table), PARTITIONED[table]
    query = f"SELECT {database.row_address} FROM {source} WHERE {column} < :time LIMIT :limit"
    return (await session.scalars(_with_time(query), {"time": time, "limit": limit})).all()


async def remove_rows_before(session: AsyncSession, table: str, time: datetime, rows: Sequence[Any]) -> None:
    """Delete rows that `find_rows_before` found, unless their location has a newer row by now."""
    database = database_of(session)
    condition = f"{database.is_at(':rows')} AND {PARTITIONED[table]} < :time"
    statement = _with_time(f"DELETE FROM {_rest(database, table)} WHERE {condition}")
    await session.execute(statement, {"time": time, "rows": orjson.dumps(rows).decode()})


def _rest(database: Database, table: str) -> str:
    """Return where the rows of a table are that are in no partition of a month."""
    return f"{table}_default" if database.has_partitions else table


def _with_time(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("time", type_=UtcDateTime()))


async def _partitions_of(session: AsyncSession, table: str) -> set[str]:
    rows = await session.scalars(
        text("SELECT inhrelid\\:\\:regclass\\:\\:text FROM pg_inherits WHERE inhparent = to_regclass(:of)"),
        {"of": table},
    )
    return set(rows)


async def _create(session: AsyncSession, table: str, column: str, name: str, start: datetime, end: datetime) -> None:
    # A partition can't be created while the default partition has rows of its month, so they are moved first.
    bounds = f"FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
    moved = f"{column} >= '{start.isoformat()}' AND {column} < '{end.isoformat()}'"
    # No further row of the month may be inserted meanwhile.
    await session.execute(text(f"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE"))
    await session.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
    await session.execute(
        text(
            f"WITH moved AS (DELETE FROM {table}_default WHERE {moved} RETURNING *) "
            f"INSERT INTO {name} SELECT * FROM moved"
        )
    )
    await session.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}"))


def _month(now: datetime, ahead: int) -> datetime:
    now = now.astimezone(UTC)
    years, month = divmod(now.month - 1 + ahead, 12)
    return datetime(now.year + years, month + 1, 1, tzinfo=UTC)
