"""Partitions of tables that grow without end, by day or month, on PostgreSQL only.

Old rows are dropped by the partition. A table is partitioned by a column of its key, so that a key stays unique over
all partitions: by a time, or by an id that begins with the time (ADR 20). The events of a transaction are in the
partition that the transaction names (ADR 58).
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.base import UtcDateTime
from citrine_core.db.databases import database_of
from citrine_core.ids import first_id_of

__all__ = [
    "PARTITIONED",
    "Partitioning",
    "add_partitions",
    "advance_sequences",
    "drop_partition",
    "exclude_writers",
    "find_old_partition",
    "find_rows_before",
    "is_partition",
    "month_of",
    "months_without_partition",
    "outside_of_partitions",
    "remove_rows_before",
]

DAY_BITS = 32
"""Bits of an id of the outbox below the number of its day: a day has four billion ids."""


@dataclass(frozen=True, slots=True)
class Partitioning:
    """How a table is partitioned.

    Each table also has a partition `<table>_default` for rows of periods without a partition: clocks of stations may
    show any year. One may have a partition `<table>_lasting` for rows of no period, which is never dropped.
    """

    column: str
    by_day: bool
    """True: a partition holds a day. False: a month."""
    first: Callable[[datetime], object]
    """Returns the first value of the column from a time on."""
    needed: str = ""
    """Query of one row of `{partition}` that was stored since `:time` or has no end yet, although its period is over;
    or of what else needs the partition, whose first value is `{first}`. Empty: as the period says."""
    sequence: str = ""
    """Sequence that assigns the column, and is advanced to the first value of each period."""

    def start(self, time: datetime, ahead: int = 0) -> datetime:
        """Return when the period of a time, or a later one, starts."""
        time = time.astimezone(UTC)
        if self.by_day:
            return datetime(time.year, time.month, time.day, tzinfo=UTC) + timedelta(days=ahead)
        years, month = divmod(time.month - 1 + ahead, 12)
        return datetime(time.year + years, month + 1, 1, tzinfo=UTC)

    def suffix(self, time: datetime) -> str:
        """Return what the name of the partition of a time ends with."""
        return f"{time.astimezone(UTC):%Y_%m_%d}" if self.by_day else f"{time.astimezone(UTC):%Y_%m}"

    def literal(self, time: datetime) -> str:
        """Return the first value of the column from a time on, for DDL, which has no parameters."""
        value = self.first(time)
        return str(value) if isinstance(value, int) else f"'{value}'"


def _first_number(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)).days << DAY_BITS


def month_of(time: datetime) -> int:
    """Return the number of the month of a time, such as 202611."""
    time = time.astimezone(UTC)
    return 100 * time.year + time.month


PARTITIONED = {
    "commands": Partitioning(
        "command_id",
        False,
        first_id_of,
        needed="SELECT 1 FROM {partition} WHERE finish_time IS NULL OR finish_time >= :time LIMIT 1",
    ),
    "connector_statuses": Partitioning("status_time", False, datetime.isoformat),
    "outbox": Partitioning(
        "id",
        True,
        _first_number,
        needed="SELECT 1 FROM (SELECT create_time FROM {partition} ORDER BY id DESC LIMIT 1) AS newest"
        " WHERE create_time >= :time",
        sequence="outbox_id_seq",
    ),
    "samples": Partitioning("sample_time", False, datetime.isoformat),
    "transaction_events": Partitioning(
        "events_month",
        False,
        month_of,
        needed="SELECT 1 FROM transactions WHERE events_month > 0 AND events_month = {first} LIMIT 1",
    ),
}
"""Partitioned tables."""

_PERIOD = r"\d{4}_\d\d(?:_\d\d)?"
_PARTITION = re.compile(rf"({'|'.join(PARTITIONED)})_(default|lasting|{_PERIOD})")

_LOCK = 0x6369_7472_0001
"""Advisory lock that prevents two cores from creating the same partition."""

LOCK_TIMEOUT = "500ms"
"""How long changing partitions waits for a table. Meanwhile everybody else waits for the table, too."""


def is_partition(table: str | None) -> bool:
    """Return whether a table is a partition of another one."""
    return table is not None and _PARTITION.fullmatch(table) is not None


async def add_partitions(session: AsyncSession, now: datetime, *, ahead: int = 3) -> list[str]:
    """Create the missing partitions of this period and the next ones, and return their names.

    Rows of such a period are moved out of the default partition. Does nothing where tables have no partitions. The
    caller commits; the table can't be written until then, so this should be the only work of its transaction.

    Raises:
        DatabaseUnavailable: When the tables are not free for the moment.
    """
    if not database_of(session).has_partitions:
        return []
    await _lock(session)
    created = []
    for table, partitioning in PARTITIONED.items():
        present = await _periods_of(session, table)
        # The oldest one may hold all of before; and a core whose clock is behind must not add periods that are over.
        oldest = min(present, default="")
        for number in range(ahead + 1):
            start = partitioning.start(now, number)
            name = f"{table}_{partitioning.suffix(start)}"
            if name not in present and name > oldest:
                await _create(session, table, name, start, partitioning.start(now, number + 1))
                created.append(name)
    return created


async def advance_sequences(session: AsyncSession, now: datetime) -> None:
    """Have ids that begin with the time go on with the first id of this period, whose partition exists.

    Ids are never assigned twice, and only grow: under the lock, a sequence is only moved forward.
    """
    if not database_of(session).has_partitions:
        return
    await _lock(session)
    for table, partitioning in PARTITIONED.items():
        start = partitioning.start(now)
        if partitioning.sequence and f"{table}_{partitioning.suffix(start)}" in await _periods_of(session, table):
            await session.execute(
                text(
                    f"SELECT setval('{partitioning.sequence}', :first, false) FROM {partitioning.sequence}"
                    " WHERE last_value < :first"
                ),
                {"first": partitioning.first(start)},
            )


async def find_old_partition(session: AsyncSession, table: str, time: datetime) -> str | None:
    """Return the oldest partition whose period ended before a time, if no row of it is needed; None if there is none.

    The partition is locked until the commit, and its table as well, so that no row is added to it meanwhile.

    Raises:
        DatabaseUnavailable: When the table is not free for the moment.
    """
    if not database_of(session).has_partitions:
        return None
    partitioning = PARTITIONED[table]
    for name in sorted(await _periods_of(session, table)):
        if name >= f"{table}_{partitioning.suffix(time)}":
            break
        if await _is_needed(session, partitioning, name, time):
            continue
        await _lock(session)
        # The table first, as everybody else does. Nobody uses a partition by another way.
        await session.execute(text(f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE"))
        if name in await _periods_of(session, table) and not await _is_needed(session, partitioning, name, time):
            return name
    return None


async def drop_partition(session: AsyncSession, name: str) -> None:
    """Drop a partition that `find_old_partition` found, with all its rows."""
    await session.execute(text(f"DROP TABLE {name}"))


async def months_without_partition(session: AsyncSession, table: str, months: Collection[int]) -> set[int]:
    """Return those of the months whose rows are in the default partition of a table that is partitioned by `month_of`.

    Where a table has no partitions, rows have no month.
    """
    if not months:
        return set()
    present = await _periods_of(session, table)
    return {month for month in months if f"{table}_{month // 100:04}_{month % 100:02}" not in present}


async def exclude_writers(session: AsyncSession, table: str) -> None:
    """Have nobody else write a partitioned table until the commit, so that rows can move to another partition.

    Who changes a row while it moves would not find it.

    Raises:
        DatabaseUnavailable: When the table is not free for the moment.
    """
    await session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    await session.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))


def outside_of_partitions(session: AsyncSession, table: str) -> str:
    """Return the table of those rows that are in the partition of no period; on SQLite of all rows."""
    return f"{table}_default" if database_of(session).has_partitions else table


async def find_rows_before(session: AsyncSession, table: str, time: datetime, limit: int) -> Sequence[Any]:
    """Return the locations of rows that are older than a time, and in no partition that can be dropped.

    These are rows of the default partition, and on SQLite all rows. There is no index for them.
    """
    database = database_of(session)
    source, column = outside_of_partitions(session, table), PARTITIONED[table].column
    query = f"SELECT {database.row_address} FROM {source} WHERE {column} < :time LIMIT :limit"
    return (await session.scalars(_with_time(query), {"time": time, "limit": limit})).all()


async def remove_rows_before(session: AsyncSession, table: str, time: datetime, rows: Sequence[Any]) -> None:
    """Delete rows that `find_rows_before` found, unless their location has a newer row by now."""
    database = database_of(session)
    condition = f"{database.is_at(':rows')} AND {PARTITIONED[table].column} < :time"
    statement = _with_time(f"DELETE FROM {outside_of_partitions(session, table)} WHERE {condition}")
    await session.execute(statement, {"time": time, "rows": orjson.dumps(rows).decode()})


def _with_time(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("time", type_=UtcDateTime()))


async def _lock(session: AsyncSession) -> None:
    await session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def _periods_of(session: AsyncSession, table: str) -> set[str]:
    """Return the names of the partitions of periods."""
    rows = await session.scalars(
        text("SELECT inhrelid\\:\\:regclass\\:\\:text FROM pg_inherits WHERE inhparent = to_regclass(:of)"),
        {"of": table},
    )
    return {name for name in rows if re.fullmatch(f"{table}_{_PERIOD}", name)}


async def _is_needed(session: AsyncSession, partitioning: Partitioning, name: str, time: datetime) -> bool:
    if not partitioning.needed:
        return False
    # The name ends with the month, of which the first value of a month is the number.
    query = partitioning.needed.format(partition=name, first=name[-7:].replace("_", ""))
    if ":time" not in query:
        return await session.scalar(text(query)) is not None
    return await session.scalar(_with_time(query), {"time": time}) is not None


async def _create(session: AsyncSession, table: str, name: str, start: datetime, end: datetime) -> None:
    # A partition can't be created while the default partition has rows of its period, so they are moved first.
    partitioning = PARTITIONED[table]
    first, last = partitioning.literal(start), partitioning.literal(end)
    moved = f"{partitioning.column} >= {first} AND {partitioning.column} < {last}"
    # No further row of the period may be inserted meanwhile.
    await session.execute(text(f"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE"))
    # With its key, which of some tables only the partitions have.
    await session.execute(text(f"CREATE TABLE {name} (LIKE {table}_default INCLUDING ALL)"))
    await session.execute(
        text(
            f"WITH moved AS (DELETE FROM {table}_default WHERE {moved} RETURNING *) "
            f"INSERT INTO {name} SELECT * FROM moved"
        )
    )
    await session.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})"))
