"""Where ids of persons may stand: columns of ids, texts and messages of each table that has rows of a tenant."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Column, DateTime, LargeBinary, String, Table, and_, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.base import UtcDateTime
from citrine_core.db.tables import metadata, own_tables
from citrine_core.resources.persons.contents import Content, content_of
from citrine_core.resources.persons.pseudonyms import Person

__all__ = ["Place", "places"]

_NO_PERSONS = frozenset({"erasures", "audit_records"})
"""Tables that are erased in another way."""

_SOURCES = frozenset({"transactions", "transaction_events", "transaction_costs", "reservations", "remote_starts"})
"""Tables of which rows of other tables are made later, as charge records, events and commands."""


class Place:
    """A table with the columns in which ids may stand."""

    def __init__(self, table: Table) -> None:
        self.name = table.name
        self.table = table
        self.key: Sequence[Column[Any]] = list(table.primary_key.columns)
        texts = [one.name for one in table.columns if isinstance(one.type, String | LargeBinary)]
        found = {name: content_of(table.name, name) for name in texts}
        self.contents: Mapping[str, Content] = {name: one for name, one in found.items() if one is not None}
        needed = self.contents.keys() | {one.by for one in self.contents.values()}
        self.columns = [one for one in table.columns if one.name in needed]

    async def read(
        self, session: AsyncSession, tenant_id: str, after: str, limit: int, *, whole: bool = False
    ) -> Sequence[Any]:
        """Return the next rows of a tenant behind a key: their key first, then the columns, or all columns.

        Args:
            session: Of the database.
            tenant_id: The tenant.
            after: The key, as `key_of` returns it. Empty: from the first row on.
            limit: At most this many.
            whole: Return all columns.
        """
        keys = [one.label(f"key_{one.name}") for one in self.key]
        query = select(*keys, *(self.table.columns if whole else self.columns))
        query = query.where(self.table.c.tenant_id == tenant_id)
        if after:
            # A core of before may have stored it, whose key had fewer columns.
            place = list(zip(self.key, orjson.loads(after), strict=False))
            behind = tuple_(*(literal(_restored(one, value), one.type) for one, value in place))
            query = query.where(tuple_(*(one for one, _ in place)) > behind)
        if self.name == "samples":
            query = query.where(self.table.c.extra.is_not(None))
        return (await session.execute(query.order_by(*self.key).limit(limit))).all()

    def replaced(self, row: Any, person: Person) -> Mapping[str, Any]:
        """Return the columns of a row in which a person is named, with pseudonyms in place of the ids."""
        changed = {}
        for name, content in self.contents.items():
            value = getattr(row, name)
            if value:
                new = content.replaced(value, self.kind_of(row, content), person)
                if new != value:
                    changed[name] = new
        return changed

    @staticmethod
    def kind_of(row: Any, content: Content) -> Any:
        """Return of which kind a value of a row is; None: nothing says so."""
        return getattr(row, content.by, None) if content.by else None

    def key_of(self, row: Any) -> str:
        """Return the key of a row."""
        return orjson.dumps([getattr(row, f"key_{one.name}") for one in self.key]).decode()

    async def change(self, session: AsyncSession, row: Any, values: Mapping[str, Any]) -> bool:
        """Change columns of a row, unless one of them was changed meanwhile; return whether it was done."""
        of_row = [one == getattr(row, f"key_{one.name}") for one in self.key]
        unchanged = [self.table.c[name] == getattr(row, name) for name in values]
        done = await session.execute(update(self.table).where(and_(*of_row, *unchanged)).values(dict(values)))
        return bool(done.rowcount)  # type: ignore[attr-defined]  # of a cursor


def places() -> Sequence[Place]:
    """Return all places: first what others are made of, then in the order of their names."""
    tables = metadata().tables
    names = sorted(own_tables() - _NO_PERSONS, key=lambda name: (name not in _SOURCES, name))
    found = (Place(tables[name]) for name in names if "tenant_id" in tables[name].c)
    return [place for place in found if place.contents]


def _restored(column: Column[Any], value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(column.type, UtcDateTime | DateTime) else value
