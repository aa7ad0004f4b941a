"""Partitions by month, of the tables that have them on PostgreSQL."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.base import UtcDateTime

__all__ = [
    "PARTITIONED",
    "add_partitions",
    "drop_partitions_before",
    "find_rows_before",
    "is_partition",
    "remove_rows_before",
]

PARTITIONED = {"samples": "sample_time"}
"""Tables that are partitioned, and the column they are partitioned by.

Each has a partition `<table>_default`, which holds what belongs to no month that is there: clocks of stations may say
any year.
"""

_PARTITION = re.compile(rf"(?:{'|'.join(PARTITIONED)})_(?:default|\d{{4}}_\d\d)")

_LOCK = 0x6369_7472_0001
"""Advisory lock that keeps two cores from making the same partition."""


def is_partition(table: str | None) -> bool:
    """Return whether a table is a partition of another one."""
    return table is not None and _PARTITION.fullmatch(table) is not None


async def add_partitions(session: AsyncSession, now: datetime, *, months: int = 3) -> list[str]:
    """Create the partitions of this month and the next ones where they are missing, and return their names.

    Rows of such a month that are in the default partition move. Does nothing on SQLite. To be committed by the
    caller; the table can't be written until then, so it is best done alone.
    """
    if session.get_bind().dialect.name != "postgresql":
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
    """Drop the partitions whose month ended before a time, with all that they hold, and return their names."""
    if session.get_bind().dialect.name != "postgresql":
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
    """Return where rows are that are older than a time and in no partition that goes as a whole.

    These are what the default partition holds, and on SQLite all. No index leads to them.
    """
    if session.get_bind().dialect.name == "postgresql":
        query = f"SELECT ctid FROM {table}_default WHERE {PARTITIONED[table]} < :time LIMIT :limit"
    else:
        query = f"SELECT rowid FROM {table} WHERE {PARTITIONED[table]} < :time LIMIT :limit"
    return (await session.scalars(_with_time(query), {"time": time, "limit": limit})).all()


async def remove_rows_before(session: AsyncSession, table: str, time: datetime, rows: Sequence[Any]) -> None:
    """Remove rows that `find_rows_before` found, unless in their place there is something newer by now."""
    if session.get_bind().dialect.name == "postgresql":
        statement = f"DELETE FROM {table}_default WHERE ctid = ANY(CAST(:rows AS tid[]))"
        found: Any = rows
    else:
        statement = f"DELETE FROM {table} WHERE rowid IN (SELECT value FROM json_each(:rows))"
        found = orjson.dumps(rows).decode()
    await session.execute(_with_time(f"{statement} AND {PARTITIONED[table]} < :time"), {"time": time, "rows": found})


def _with_time(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("time", type_=UtcDateTime()))


async def _partitions_of(session: AsyncSession, table: str) -> set[str]:
    rows = await session.scalars(
        text("SELECT inhrelid\\:\\:regclass\\:\\:text FROM pg_inherits WHERE inhparent = to_regclass(:of)"),
        {"of": table},
    )
    return set(rows)


async def _create(session: AsyncSession, table: str, column: str, name: str, start: datetime, end: datetime) -> None:
    # A partition can't be created for a month of which the default partition holds rows: they move first.
    bounds = f"FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
    moved = f"{column} >= '{start.isoformat()}' AND {column} < '{end.isoformat()}'"
    # Nor may one come while they do.
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
