"""Membership of one or several columns in a set of keys, passed as one parameter."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, ColumnElement, Integer, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Boolean

from citrine_core.db.databases import database_of

__all__ = ["one_of", "one_of_packed", "pack"]


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
