"""Inserts that leave what is stored, as both databases have them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from citrine_ocpi.db.base import Table

__all__ = ["insert_missing"]


async def insert_missing(
    session: AsyncSession,
    table: type[Table],
    rows: Sequence[Mapping[str, Any]],
    returning: Sequence[InstrumentedAttribute[Any]],
) -> list[tuple[Any, ...]]:
    """Insert rows but those that a unique index has already, and return columns of those that were inserted."""
    if not rows:
        return []
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    statement = (postgresql.insert if is_postgresql else sqlite.insert)(table).on_conflict_do_nothing()
    result = await session.execute(statement.values([*rows]).returning(*returning))
    return [tuple(row) for row in result]
