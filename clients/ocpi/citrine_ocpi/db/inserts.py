"""Inserts that leave what is stored, as both databases have them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from citrine_ocpi.db.base import Table

__all__ = ["insert_missing", "parts"]

AT_A_TIME = 1000
"""Rows that one statement names: databases take some 32,000 parameters."""

ItemT = TypeVar("ItemT")


def parts(items: Sequence[ItemT]) -> Iterator[Sequence[ItemT]]:
    """Yield items in their order, as many at a time as one statement takes."""
    for first in range(0, len(items), AT_A_TIME):
        yield items[first : first + AT_A_TIME]


async def insert_missing(
    session: AsyncSession,
    table: type[Table],
    rows: Sequence[Mapping[str, Any]],
    returning: Sequence[InstrumentedAttribute[Any]],
) -> list[tuple[Any, ...]]:
    """Insert rows but those that a unique index has already, and return columns of those that were inserted."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    statement = (postgresql.insert if is_postgresql else sqlite.insert)(table).on_conflict_do_nothing()
    inserted: list[tuple[Any, ...]] = []
    for part in parts(rows):
        result = await session.execute(statement.values([*part]).returning(*returning))
        inserted += [tuple(row) for row in result]
    return inserted
