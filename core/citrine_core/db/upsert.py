"""Set-based INSERT … ON CONFLICT for both databases."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.databases import database_of
from citrine_core.db.databases.base import Insert

__all__ = ["insert_or_ignore", "insert_statement", "upsert"]


def insert_statement(session: AsyncSession, table: Table) -> Insert:
    """Return an INSERT of the session's database, which supports ON CONFLICT."""
    return database_of(session).insert(table)


async def insert_or_ignore(
    session: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]], key: Collection[str]
) -> None:
    """Insert the rows whose key is new, in one executemany. Existing rows are not changed."""
    if rows:
        statement = insert_statement(session, table).on_conflict_do_nothing(index_elements=list(key))
        await (await session.connection()).execute(statement, list(rows))


async def upsert(
    session: AsyncSession,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    key: Collection[str],
    *,
    where: ColumnElement[bool] | None = None,
    preserve: Collection[str] = (),
) -> None:
    """Insert the rows, or overwrite the other columns of those whose key exists, in one executemany.

    Args:
        session: The session.
        table: The table.
        rows: Mappings with the same columns each, including the key.
        key: Columns of a unique constraint or primary key.
        where: Condition on the stored row for overwriting it. None: always.
        preserve: Columns that are not overwritten.
    """
    if not rows:
        return
    statement = insert_statement(session, table)
    overwrite = {name: statement.excluded[name] for name in rows[0] if name not in key and name not in preserve}
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=overwrite, where=where)
    await (await session.connection()).execute(statement, list(rows))
