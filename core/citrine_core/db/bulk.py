"""Bulk statements, which cost a fraction of one statement per row."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from operator import itemgetter
from typing import Any, Self

from sqlalchemy import (
    Column,
    ColumnDefault,
    ColumnElement,
    Connection,
    CursorResult,
    Dialect,
    Select,
    Table,
    literal_column,
)
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.databases import Database, database_of
from citrine_core.db.direct import Parameters, connection_of

__all__ = ["BulkInsert", "BulkUpdate", "BulkUpsert", "given"]

Row = tuple[Any, ...]

_NOTHING = object()
"""Other than any value."""


class _BulkStatement(ABC):
    """A statement whose rows are a table of values.

    SQLAlchemy binds the parameters of each row by name, and the database executes a statement per row; both cost more
    than the row. Here values are bound by position, several rows at a time.
    """

    def __init__(self, table: Table, names: Sequence[str], returning: Sequence[str] = ()) -> None:
        self._table = table
        self._returning = returning
        self._by_names: dict[tuple[str, ...], tuple[Self, Row]] = {}
        self._set_columns(names)

    def _set_columns(self, names: Sequence[str]) -> None:
        self._columns: list[Column[Any]] = [self._table.c[name] for name in names]
        self._processors: dict[Database, list[tuple[int, Callable[[Any], Any]]]] = {}
        self._texts: dict[tuple[Database, int, int], str] = {}

    @property
    def table_name(self) -> str:
        """The table that it writes."""
        return self._table.name

    @property
    def width(self) -> int:
        """Parameters of one row, or of all where the database reads columns."""
        return len(self._columns)

    def text(self, connection: Connection, rows: int, first: int = 1) -> str:
        """Return the statement for so many rows.

        Args:
            connection: Knows the types.
            rows: How many; ignored where the text is the same for any number.
            first: Number of the first parameter.
        """
        dialect = connection.dialect
        database = database_of(dialect)
        key = (database, rows if database.rows_at_once else 0, first)
        if key not in self._texts:
            self._texts[key] = self._build(dialect, database.values(self._columns, rows, dialect, first))
        return self._texts[key]

    async def execute(self, session: AsyncSession, rows: Sequence[Row]) -> None:
        """Execute the statement for all rows, together with the next statement of the session, or with its commit.

        Does nothing for no rows. An error of the database is raised by what executes it (see `Direct`).
        """
        if rows:
            connection = await connection_of(session)
            direct = database_of(connection).direct(connection)
            direct.defer(self, self._executions(connection, rows))
            if session.in_nested_transaction():
                # What fails within a savepoint must fail before its end.
                await direct.flush()

    async def execute_mappings(self, session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement for rows that are mappings, whose columns are those of the first.

        Columns that no row names get the default of the model.

        Raises:
            ValueError: When the rows have different columns.
        """
        if rows:
            statement, tuples = self._of_mappings(rows)
            await statement.execute(session, tuples)

    async def fetch(self, session: AsyncSession, rows: Sequence[Row]) -> list[Row]:
        """Execute the statement for all rows; return the columns to return of those that were written."""
        found: list[Row] = []
        if rows:
            connection = await connection_of(session)
            direct = database_of(connection).direct(connection)
            for count, parameters in self._executions(connection, rows):
                found += map(tuple, await direct.fetch(self.text(connection, count), parameters))
        return found

    async def fetch_mappings(self, session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
        """Do as `execute_mappings`; return the columns to return of the rows that were written."""
        if not rows:
            return []
        statement, tuples = self._of_mappings(rows)
        return await statement.fetch(session, tuples)

    def _of_mappings(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Self, list[Row]]:
        """Return the statement for the columns of mappings, and the rows."""
        names = tuple(rows[0])
        if names not in self._by_names:
            self._by_names[names] = self._with(names)
        statement, defaults = self._by_names[names]
        if any(row.keys() != rows[0].keys() for row in rows):
            raise ValueError(f"rows of {self._table.name} with different columns")
        return statement, [(*map(row.__getitem__, names), *defaults) for row in rows]

    def _with(self, names: tuple[str, ...]) -> tuple[Self, Row]:
        """Return the statement for other columns, and the values of those that it adds to them."""
        defaults = {
            column.name: column.default.arg
            for column in self._table.columns
            if column.name not in names and isinstance(column.default, ColumnDefault) and column.default.is_scalar
        }
        statement = copy(self)
        statement._set_columns((*names, *defaults))
        return statement, tuple(defaults.values())

    def _split(self, rows: Sequence[Row]) -> Iterable[Sequence[Row]]:
        """Return the rows in parts that one statement may write."""
        return (rows,)

    def _executions(self, connection: Connection, rows: Sequence[Row]) -> Iterator[tuple[int, Parameters]]:
        """Yield the number of rows and the parameters of each execution."""
        dialect = connection.dialect
        database = database_of(dialect)
        for distinct in self._split(rows):
            most = database.rows_at_once or len(distinct)
            for start in range(0, len(distinct), most):
                step = distinct[start : start + most]
                yield len(step), database.parameters(self._bind(dialect, database, step))

    def _bind(self, dialect: Dialect, database: Database, rows: Sequence[Row]) -> Sequence[Sequence[Any]]:
        """Return the columns of rows with values converted for the driver."""
        if database not in self._processors:
            kinds = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in self._columns]
            self._processors[database] = [(place, kind) for place, kind in enumerate(kinds) if kind is not None]
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for place, processor in self._processors[database]:
            columns[place] = _converted(columns[place], processor)
        return columns

    def _end(self) -> str:
        return f" RETURNING {', '.join(self._returning)}" if self._returning else ""

    def _names(self, dialect: Dialect) -> list[str]:
        return [dialect.identifier_preparer.quote(column.name) for column in self._columns]

    @abstractmethod
    def _build(self, dialect: Dialect, values: str) -> str:
        """Return the statement around the table of values."""


def _converted(values: Sequence[Any], processor: Callable[[Any], Any]) -> list[Any]:
    """Return values converted for the driver, each as often as it differs from the one before.

    A time is often that of the row before, the same object; to look up values by their hashes costs more than that.
    """
    converted: list[Any] = []
    before = bound = _NOTHING
    for value in values:
        if value is not before:
            before, bound = value, processor(value)
        converted.append(bound)
    return converted


class BulkInsert(_BulkStatement):
    """An INSERT of many rows.

    Args:
        table: Where to.
        names: Columns, in the order of the values of a row. Rows that are mappings name them themselves.
        ignore: Do nothing for rows whose key exists.
        key: Columns of the unique constraint or primary key that `ignore` is about. Empty: all of the table.
        returning: Columns that `fetch` returns.
    """

    def __init__(
        self,
        table: Table,
        names: Sequence[str] = (),
        *,
        ignore: bool = False,
        key: Sequence[str] = (),
        returning: Sequence[str] = (),
    ) -> None:
        super().__init__(table, names, returning)
        self._ignore = ignore
        self._key = key

    async def execute_select(self, session: AsyncSession, source: Select[Any]) -> int:
        """Execute the statement for the rows of a query, which has the columns in their order; return their number."""
        names = [column.name for column in self._columns]
        result = await session.execute(database_of(session).insert(self._table).from_select(names, source))
        assert isinstance(result, CursorResult)
        return result.rowcount

    def _build(self, dialect: Dialect, values: str) -> str:
        target = f" ({', '.join(self._key)})" if self._key else ""
        on_conflict = f" ON CONFLICT{target} DO NOTHING" if self._ignore else ""
        return f"INSERT INTO {self._table.name} ({', '.join(self._names(dialect))}) {values}{on_conflict}{self._end()}"


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

    Several rows of one key are written one after the other.

    Args:
        table: Where to.
        names: Columns, in the order of the values of a row. Rows that are mappings name them themselves.
        key: Columns of a unique constraint or primary key.
        overwrite: Columns that are overwritten if the key exists. None: those that a row gives, without the key.
        preserve: Columns that are not overwritten.
        changes: Other values of columns if the key exists, made of stored columns and those `given`.
        where: Condition for overwriting anything. None: always.
        returning: Columns that `fetch` returns, as they are then.
    """

    def __init__(
        self,
        table: Table,
        names: Sequence[str] = (),
        key: Sequence[str] = (),
        overwrite: Sequence[str] | None = None,
        *,
        preserve: Collection[str] = (),
        changes: Mapping[str, ColumnElement[Any]] | None = None,
        where: ColumnElement[bool] | None = None,
        returning: Sequence[str] = (),
    ) -> None:
        self._key = key
        super().__init__(table, names, returning)
        self._set = overwrite
        self._preserve = {*key, *preserve}
        self._overwrite = self._overwritten(names)
        self._changes = changes or {}
        self._where = where

    async def execute_select(self, session: AsyncSession, source: Select[Any]) -> None:
        """Execute the statement for the rows of a query, which has the columns in their order."""
        names = [column.name for column in self._columns]
        statement = database_of(session).insert(self._table).from_select(names, source)
        overwrite: dict[str, Any] = {name: statement.excluded[name] for name in self._overwrite}
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=list(self._key), set_={**overwrite, **self._changes}, where=self._where
            )
        )

    def _set_columns(self, names: Sequence[str]) -> None:
        super()._set_columns(names)
        places = [place for place, name in enumerate(names) if name in self._key]
        self._key_of = itemgetter(*places) if places else None

    def _overwritten(self, names: Sequence[str]) -> Sequence[str]:
        overwritten = names if self._set is None else self._set
        return [name for name in overwritten if name not in self._preserve]

    def _with(self, names: tuple[str, ...]) -> tuple[Self, Row]:
        statement, defaults = super()._with(names)
        statement._overwrite = self._overwritten(names)
        return statement, defaults

    def _split(self, rows: Sequence[Row]) -> Iterable[Sequence[Row]]:
        # PostgreSQL refuses to change a row twice in one statement.
        assert self._key_of is not None
        keys = list(map(self._key_of, rows))
        if len(set(keys)) == len(keys):
            return (rows,)
        parts: list[list[Row]] = []
        found: Counter[Any] = Counter()
        for key, row in zip(keys, rows, strict=True):
            if found[key] == len(parts):
                parts.append([])
            parts[found[key]].append(row)
            found[key] += 1
        return parts

    def _build(self, dialect: Dialect, values: str) -> str:
        def text(expression: ColumnElement[Any]) -> str:
            return str(expression.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

        pairs = [f"{name} = excluded.{name}" for name in self._overwrite if name not in self._changes]
        pairs += [f"{name} = {text(value)}" for name, value in self._changes.items()]
        # Without a WHERE, SQLite parses ON as part of a join.
        source = f"SELECT * FROM ({values}) AS given WHERE true"
        action = f"UPDATE SET {', '.join(pairs)}" if pairs else "NOTHING"
        where = "" if self._where is None else f" WHERE {text(self._where)}"
        return (
            f"INSERT INTO {self._table.name} ({', '.join(self._names(dialect))}) {source}"
            f" ON CONFLICT ({', '.join(self._key)}) DO {action}{where}{self._end()}"
        )


def given(table: Table, name: str) -> ColumnElement[Any]:
    """Return the value that a row of an upsert gives a column, for its `changes` and `where`."""
    return literal_column(f"excluded.{name}", table.c[name].type)
