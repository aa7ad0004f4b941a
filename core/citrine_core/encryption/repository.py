"""Queries of columns with encrypted secrets, for those who encrypt them anew."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["SecretColumn", "SecretRepository", "StoredSecret"]


@dataclass(frozen=True, eq=False)
class SecretColumn:
    """A column of texts with encrypted secrets. Empty texts and NULL are none."""

    table: Table
    column: str
    key: tuple[str, ...]
    """Columns of the primary key, all of them texts."""
    where: ColumnElement[bool] | None = None
    """Condition of the rows that may have a secret, if an index has it."""

    def context(self, *key: str) -> str:
        """Return the context in which the secret of a row is encrypted."""
        return "\n".join((self.table.name, self.column, *key))


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """One secret, in the form in which it is stored."""

    key: tuple[str, ...]
    text: str


class SecretRepository:
    """Secrets of all tables, within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_others(
        self, column: SecretColumn, mark: str, after: tuple[str, ...], limit: int
    ) -> Sequence[StoredSecret]:
        """Return secrets behind a key of their table that do not begin with a mark: of another key, or in clear."""
        text = column.table.c[column.column]
        keys = [column.table.c[name] for name in column.key]
        query = select(*keys, text).where(text.is_not(None), text != "", ~text.startswith(mark, autoescape=True))
        if column.where is not None:
            query = query.where(column.where)
        if after:
            query = query.where(tuple_(*keys) > after)
        rows = await self._session.execute(query.order_by(*keys).limit(limit))
        return [StoredSecret(tuple(row[:-1]), row[-1]) for row in rows]

    async def replace(self, column: SecretColumn, before: StoredSecret, text: str) -> None:
        """Store a secret in another form, unless it changed in between."""
        table = column.table
        of_row = [table.c[name] == value for name, value in zip(column.key, before.key, strict=True)]
        await self._session.execute(
            update(table).where(*of_row, table.c[column.column] == before.text).values({column.column: text})
        )
