"""Bulk statements, which cost a fraction of one statement per row."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Column, Dialect, Table
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.databases import Database, database_of

__all__ = ["BulkInsert", "BulkUpdate", "BulkUpsert"]

Row = tuple[Any, ...]

STEP = 16
"""Rows of one execution of a statement. Each execution costs a database as much as some rows; with SQLite it is also
what its thread waits for the event loop to let go of Python."""


class _BulkStatement(ABC):
    """A statement whose rows are a table of values.

    SQLAlchemy binds the parameters of each row by name, and the database executes a statement per row; both cost more
    than the row. Here values are bound by position, several rows at a time.
    """

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        self._table = table
        self._columns: list[Column[Any]] = [table.c[name] for name in names]
        self._processors: dict[Database, list[tuple[int, Callable[[Any], Any]]]] = {}
        self._texts: dict[tuple[Database, int], str] = {}

    async def execute(self, session: AsyncSession, rows: Sequence[Row]) -> None:
        """Execute the statement for all rows. Does nothing for none."""
        if not rows:
            return
        connection = await session.connection()
        dialect = connection.dialect
        width = len(self._columns)
        values = list(chain.from_iterable(self._bind(dialect, rows)))
        last = len(rows) % STEP * width
        full = len(values) - last
        if full:
            steps = [tuple(values[start : start + STEP * width]) for start in range(0, full, STEP * width)]
            await connection.exec_driver_sql(self._text(dialect, STEP), steps)
        if last:
            await connection.exec_driver_sql(self._text(dialect, len(rows) % STEP), tuple(values[full:]))

    def _bind(self, dialect: Dialect, rows: Sequence[Row]) -> Iterable[Row]:
        """Return the rows with values converted for the driver."""
        database = database_of(dialect)
        if database not in self._processors:
            kinds = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in self._columns]
            self._processors[database] = [(place, kind) for place, kind in enumerate(kinds) if kind is not None]
        processors = self._processors[database]
        if not processors:
            return rows
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for place, processor in processors:
            # Most times occur in several rows.
            bound = {value: processor(value) for value in set(columns[place])}
            columns[place] = [bound[value] for value in columns[place]]
        return zip(*columns, strict=True)

    def _text(self, dialect: Dialect, rows: int) -> str:
        database = database_of(dialect)
        key = (database, rows)
        if key not in self._texts:
            self._texts[key] = self._build(dialect, database.values(self._columns, rows, dialect))
        return self._texts[key]

    def _names(self, dialect: Dialect) -> list[str]:
        return [dialect.identifier_preparer.quote(column.name) for column in self._columns]

    @abstractmethod
    def _build(self, dialect: Dialect, values: str) -> str:
        """Return the statement around the table of values."""


class BulkInsert(_BulkStatement):
    """An INSERT of many rows.

    Args:
        table: Where to.
        names: Columns, in the order of the values of a row.
        ignore: Do nothing for rows whose key exists.
    """

    def __init__(self, table: Table, names: Sequence[str], *, ignore: bool = False) -> None:
        super().__init__(table, names)
        self._ignore = ignore

    def _build(self, dialect: Dialect, values: str) -> str:
        on_conflict = " ON CONFLICT DO NOTHING" if self._ignore else ""
        return f"INSERT INTO {self._table.name} ({', '.join(self._names(dialect))}) {values}{on_conflict}"


class BulkUpdate(_BulkStatement):
    """An UPDATE of many rows, each by its key.

    Args:
        table: Where to.
        names: Columns to set, in the order of the values of a row.
        key: Columns of the key, whose values follow.
    """

    def __init__(self, table: Table, names: Sequence[str], key: Sequence[str]) -> None:
        super().__init__(table, (*names, *key))
        self._set = len(names)

    def _build(self, dialect: Dialect, values: str) -> str:
        names = self._names(dialect)
        # Both databases name the columns of VALUES like this.
        given = [f"given.column{place}" for place in range(1, len(names) + 1)]
        pairs = [f"{name} = {value}" for name, value in zip(names, given, strict=True)]
        table = self._table.name
        where = " AND ".join(f"{table}.{pair}" for pair in pairs[self._set :])
        return f"UPDATE {table} SET {', '.join(pairs[: self._set])} FROM ({values}) AS given WHERE {where}"


class BulkUpsert(_BulkStatement):
    """An INSERT of many rows that overwrites some columns of those whose key exists.

    Args:
        table: Where to.
        names: Columns, in the order of the values of a row.
        key: Columns of a unique constraint or primary key.
        overwrite: Columns that are overwritten if the key exists.
    """

    def __init__(self, table: Table, names: Sequence[str], key: Sequence[str], overwrite: Sequence[str]) -> None:
        super().__init__(table, names)
        self._key = key
        self._overwrite = overwrite

    def _build(self, dialect: Dialect, values: str) -> str:
        pairs = ", ".join(f"{name} = excluded.{name}" for name in self._overwrite)
        # Without a WHERE, SQLite parses ON as part of a join.
        source = f"SELECT * FROM ({values}) AS given WHERE true"
        return (
            f"INSERT INTO {self._table.name} ({', '.join(self._names(dialect))}) {source}"
            f" ON CONFLICT ({', '.join(self._key)}) DO UPDATE SET {pairs}"
        )
