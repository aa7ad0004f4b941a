"""Keys that are passed as one parameter: membership of columns in them, and a time given for each."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import CTE, BigInteger, Column, ColumnElement, Integer, String, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Boolean

from citrine_core.db.base import UtcDateTime
from citrine_core.db.databases import database_of

__all__ = ["given_times", "one_of", "one_of_packed", "pack"]


class _OneOf(GenericFunction[bool]):
    name = "citrine_one_of"
    type = Boolean()
    inherit_cache = True
    # Without this, SQLite would compare the condition with 1, and use no index.
    _is_implicitly_boolean = True


@compiles(_OneOf)
def _compile(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    *columns, keys = element.clauses
    left = ", ".join(compiler.process(column, **options) for column in columns)
    bound = compiler.process(keys, **options)
    selected = database_of(compiler.dialect).select_keys([_kind(column) for column in columns], bound)
    return f"(({left}) IN ({selected}))"


def _kind(column: ColumnElement[Any]) -> str:
    if isinstance(column.type, BigInteger):
        return "bigint"
    return "integer" if isinstance(column.type, Integer) else "text"


def one_of(columns: Any, keys: Collection[str | int | tuple[str | int, ...]]) -> ColumnElement[bool]:
    """Return the condition that columns of text or integers together are one of the keys.

    The keys are one parameter, so that the statement is the same for any number of them. They are matched as a whole,
    so that an index over the columns is searched once per key, and not per combination.

    Args:
        columns: A column, or several in a list or tuple.
        keys: Values of the column, or tuples of values in the order of the columns.
    """
    several = columns if isinstance(columns, list | tuple) else [columns]
    packed = pack(key if isinstance(key, tuple) else (key,) for key in keys)
    return _OneOf(*several, bindparam(None, packed, type_=String(), unique=True))


def one_of_packed(columns: Sequence[Any], name: str) -> ColumnElement[bool]:
    """Return the same condition for a statement that is built once; the named parameter is the result of `pack`."""
    return _OneOf(*columns, bindparam(name, type_=String()))


def pack(keys: Iterable[tuple[str | int, ...]]) -> str:
    """Return keys as one parameter."""
    return orjson.dumps(list(keys)).decode()


def given_times(session: AsyncSession, name: str, key: str, times: Mapping[str, datetime]) -> CTE:
    """Return a table with a time for each key, for a statement whose text is the same for any number of them.

    Args:
        session: Of the statement.
        name: Of the table; its columns are the key and `time`.
        key: Name of the column of the keys, which are text.
        times: The time of each key.
    """
    database = database_of(session)
    packed = pack((one, _written(time, database.to_time)) for one, time in times.items())
    query = text(database.select_keys(("text", "timestamptz"), f":{name}", (key, "time")))
    query = query.bindparams(bindparam(name, packed, type_=String()))
    return query.columns(Column(key, String()), Column("time", UtcDateTime())).cte(name)


def _written(time: datetime, to_time: Callable[[datetime], str] | None) -> str:
    return time.isoformat() if to_time is None else to_time(time)
