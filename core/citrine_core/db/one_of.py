"""Membership in a set, as each database takes it best."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.databases import database_of

__all__ = ["one_of"]


def one_of(session: AsyncSession, column: Any, values: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a text column is one of the values."""
    return database_of(session).is_one_of(column, values)
