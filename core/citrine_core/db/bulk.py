"""Statements for many rows at a time, at a fraction of what they cost one by one."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Dialect, Insert, Table, Update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["BulkStatement", "insert_of"]

Row = tuple[Any, ...]


class BulkStatement:
    """An INSERT or UPDATE that is executed with the values of many rows.

    SQLAlchemy binds the parameters of each row by name, which costs more than what a database does with a row.
    Here the statement is compiled once for each kind of database, and its rows are tuples.

    Args:
        names: Names of the parameters, in the order of the values of a row.
        build: Returns the statement for a dialect. Its parameters must be those named.
    """

    def __init__(self, names: Sequence[str], build: Callable[[str], Insert | Update]) -> None:
        self._names = tuple(names)
        self._build = build
        self._compiled: dict[str, tuple[str, Callable[[Sequence[Row]], list[Row]]]] = {}

    async def execute(self, session: AsyncSession, rows: Sequence[Row]) -> None:
        """Execute the statement for all rows, in one round trip. Does nothing for none."""
        if not rows:
            return
        connection = await session.connection()
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = self._compile(dialect)
        text, bind = self._compiled[dialect.name]
        await connection.exec_driver_sql(text, bind(rows))

    def _compile(self, dialect: Dialect) -> tuple[str, Callable[[Sequence[Row]], list[Row]]]:
        compiled = self._build(dialect.name).compile(dialect=dialect, column_keys=list(self._names))
        # Both drivers take parameters by their place.
        assert compiled.positiontup is not None
        order = compiled.positiontup
        places = [self._names.index(name) for name in order]
        processors: list[tuple[int, Callable[[Any], Any]]] = []
        for place, name in enumerate(order):
            kind = compiled.binds[name].type.dialect_impl(dialect)
            processor = kind.bind_processor(dialect)
            if processor is not None:
                processors.append((place, processor))
        in_order = places == list(range(len(self._names)))

        def bind(rows: Sequence[Row]) -> list[Row]:
            if in_order and not processors:
                return list(rows)
            bound = []
            for row in rows:
                values = list(row) if in_order else [row[place] for place in places]
                for place, processor in processors:
                    values[place] = processor(values[place])
                bound.append(tuple(values))
            return bound

        return compiled.string, bind


def insert_of(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT of a kind of database, which knows its ON CONFLICT."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
