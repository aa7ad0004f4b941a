"""A query of the hot path, which is compiled once and goes straight to the driver."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import CompoundSelect, Dialect, Float, Select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.databases import Database, database_of
from citrine_core.db.direct import connection_of

__all__ = ["DirectQuery"]

Query = Select[Any] | CompoundSelect[Any]

Row = tuple[Any, ...]

Processors = list[tuple[int, Callable[[Any], Any]]]
"""Converters of values, by their place in a row."""


class DirectQuery:
    """A SELECT of columns, whose values are named parameters or constants.

    SQLAlchemy looks up its compiled statement, binds and makes result objects anew for each execution.

    Args:
        query: The query, or what makes it for a database; without parameters that expand, such as those of `in_`.
    """

    def __init__(self, query: Query | Callable[[Database], Query]) -> None:
        self._query = query
        self._compiled: dict[Database, _Compiled] = {}

    async def fetch(self, session: AsyncSession, values: Mapping[str, Any]) -> list[Row]:
        """Return the rows for values of the parameters."""
        connection = await connection_of(session)
        database = database_of(connection)
        compiled = self._compiled.get(database)
        if compiled is None:
            query = self._query(database) if callable(self._query) else self._query
            compiled = self._compiled[database] = _Compiled(query, connection.dialect)
        rows = await database.direct(connection).fetch(compiled.text, compiled.bind(values))
        return compiled.convert(rows)


class _Compiled:
    """A query for one kind of database."""

    def __init__(self, query: Query, dialect: Dialect) -> None:
        compiled = query.compile(dialect=dialect)
        self.text = str(compiled)
        self._names: list[str] = list(compiled.positiontup or ())
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        binds = [compiled.binds[name].type for name in self._names]
        self._binders = _processors([kind.dialect_impl(dialect).bind_processor(dialect) for kind in binds])
        kinds = [column.type.dialect_impl(dialect) for column in query.selected_columns]
        # Drivers return floats as such, and SQLAlchemy would ask for the code that the driver has for their type.
        self._converters = _processors(
            [None if isinstance(kind, Float) else kind.result_processor(dialect, None) for kind in kinds]
        )

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        given = {**self._constants, **values}
        bound = [given[name] for name in self._names]
        for place, processor in self._binders:
            bound[place] = processor(bound[place])
        return bound

    def convert(self, rows: Any) -> list[Row]:
        if not self._converters:
            return [tuple(row) for row in rows]
        converted = []
        for row in rows:
            values = list(row)
            for place, processor in self._converters:
                value = values[place]
                if value is not None:
                    # NULL is None for all types, and most columns of a wide row are NULL.
                    values[place] = processor(value)
            converted.append(tuple(values))
        return converted


def _processors(found: list[Any]) -> Processors:
    return [(place, processor) for place, processor in enumerate(found) if processor is not None]
