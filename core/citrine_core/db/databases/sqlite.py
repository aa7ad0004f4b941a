"""SQLite: a file with one writer at a time."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Connection, Dialect, FromClause, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.db.databases.base import Database, QueryT, selected
from citrine_core.db.databases.change_times import TimesOfOneWriter
from citrine_core.db.databases.order import OneWriter
from citrine_core.db.direct import Direct
from citrine_core.db.notices import Notices, NoticesOfFile
from citrine_core.db.sqlite import SqliteDirect, spilling

if TYPE_CHECKING:
    from citrine_core.db.databases.base import Insert

__all__ = ["Sqlite"]


def _to_time(value: datetime | None) -> str | None:
    # The text that SQLAlchemy's own type makes, at a fifth of the time: a batch binds thousands of times.
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time without a zone can't be stored")
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(" ", "microseconds")[:-6]


def _from_time(value: str | None) -> datetime | None:
    # SQLite has no zones; what it holds was in UTC when it was bound.
    return None if value is None else datetime.fromisoformat(value + "+00:00")


class Sqlite(Database):
    """SQLite."""

    has_one_writer = True
    has_partitions = False
    builds_indexes_late = False
    lanes = 1
    # An execution costs as much as some rows. The longer it takes, the longer its thread waits for the GIL behind it.
    rows_at_once = 16
    row_address = "rowid"
    first_parameter = "?"
    outbox_order = OneWriter()
    change_times = TimesOfOneWriter()
    to_time = staticmethod(_to_time)
    from_time = staticmethod(_from_time)

    def lock(self, query: QueryT, *order: Any) -> QueryT:
        """Return the query as it is: to have them in order, SQLite could go through many other rows."""
        return query

    def claim(self, query: QueryT, of: FromClause | None = None) -> QueryT:
        """Return the query as it is."""
        return query

    def insert(self, table: Table) -> "Insert":
        """Return an INSERT that knows ON CONFLICT."""
        # Imported here: a process has one database, and need not load what is known of the other.
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)

    def values(self, columns: Sequence[Column[Any]], rows: int, dialect: Dialect, first: int = 1) -> str:
        """Return a table of values, with a question mark for each."""
        row = f"({', '.join('?' * len(columns))})"
        return f"VALUES {', '.join([row] * rows)}"

    def parameters(self, columns: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Return the values row by row."""
        return tuple(chain.from_iterable(zip(*columns, strict=True)))

    def direct(self, connection: Connection) -> Direct:
        """Return the connection with a thread of its own."""
        return SqliteDirect(connection)

    def select_keys(self, kinds: Sequence[str], parameter: str, names: Sequence[str] = ()) -> str:
        """Return a SELECT of the keys, whose values bring their types along."""
        values = selected([f"value ->> {place}" for place in range(len(kinds))], names)
        # Without a WHERE, SQLite parses an ON CONFLICT that follows as part of a join.
        return f"SELECT {values} FROM json_each({parameter}) WHERE true"

    def is_at(self, parameter: str) -> str:
        """Return a condition on the rowid."""
        return f"rowid IN (SELECT value FROM json_each({parameter}))"

    def rehearsal(self, connection: AsyncConnection) -> AbstractAsyncContextManager[None]:
        """Have pages be written as soon as they change, not with the commit."""
        return spilling(connection)

    async def find_problem(self, engine: AsyncEngine) -> str | None:
        """Return None: nothing is between us and the file."""
        return None

    async def limit_lock_waits(self, connection: AsyncConnection, seconds: float) -> None:
        """Do nothing: there are no locks but the one that it has already."""

    async def try_lock(self, connection: AsyncConnection, key: int) -> bool:
        """Return True: who writes is alone."""
        return True

    def notices(self, engine: AsyncEngine) -> Notices:
        """Return notices by the version of the file."""
        return NoticesOfFile(engine)

    async def lock_schema(self, connection: AsyncConnection, key: int) -> None:
        """Execute a statement: the first one of a transaction waits for its turn."""
        await connection.execute(text("SELECT 1"))
