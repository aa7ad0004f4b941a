"""Inserts that leave what is stored, as both databases have them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from citrine_ocpi.db.base import Table

__all__ = ["insert_missing", "insert_missing_of", "parts"]

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
    statement = _insert(session, table).on_conflict_do_nothing()
    inserted: list[tuple[Any, ...]] = []
    for part in parts(rows):
        result = await session.execute(statement.values([*part]).returning(*returning))
        inserted += [tuple(row) for row in result]
    return inserted


async def insert_missing_of(
    session: AsyncSession, table: type[Table], names: Sequence[str], query: Select[*tuple[Any, ...]]
) -> None:
    """Insert what a query finds but what a unique index has already.

    Args:
        session: The transaction.
        table: Into which.
        names: Of the columns that the query finds.
        query: What is inserted. It has a condition: without one, SQLite takes the next word for a part of it.
    """
    await session.execute(_insert(session, table).from_select([*names], query).on_conflict_do_nothing())


def _insert(session: AsyncSession, table: type[Table]) -> postgresql.Insert | sqlite.Insert:
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)
