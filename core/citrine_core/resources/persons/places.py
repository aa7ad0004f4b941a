"""Where ids of persons may stand: columns of ids, texts and messages of each table that has rows of a tenant.

Amounts, currencies, keys, ids of other things and names of groups of stations are never looked at.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Column, DateTime, LargeBinary, String, Table, and_, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.base import UtcDateTime
from citrine_core.db.tables import metadata, own_tables
from citrine_core.resources.persons.pseudonyms import Person

__all__ = ["Place", "places"]

_IDS = frozenset(
    {
        *("id_token", "id_token_lookup", "stop_id_token", "lookup", "surrogate", "visual_number"),
        *("group_id", "group_id_token", "master_pass_group_id", "contract_id", "contract_lookup"),
    }
)
"""Columns that have the id of a token, contract or group of tokens, and nothing else."""

_TEXTS = frozenset(
    {
        *("reason", "detail", "problem", "description", "error", "error_description", "note", "acknowledge_note"),
        *("payload", "request", "response", "status_update", "answer", "reply", "failure", "extra", "message"),
    }
)
"""Columns of texts that people and stations write, and of messages, in any table."""

_TEXTS_OF = frozenset(
    {
        *(("transaction_costs", "subject"), ("transactions", "anomalies"), ("local_lists", "group_ids")),
        *(("charge_records", "content"), ("poisoned_messages", "content"), ("refusals", "last_frame")),
        *(("local_list_entries", "wanted"), ("local_list_entries", "held"), ("station_events", "event")),
        *(("alerts", "event"), ("variables", "value"), ("charging_negotiations", "ev_schedule")),
        *(("operations", "definition"), ("operations", "final_counts")),
    }
)
"""Further ones of some tables."""

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
        self.columns = [
            one
            for one in table.columns
            if isinstance(one.type, String | LargeBinary)
            and (one.name in _IDS or one.name in _TEXTS or (table.name, one.name) in _TEXTS_OF)
        ]

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
            values = [_restored(one, value) for one, value in zip(self.key, orjson.loads(after), strict=True)]
            behind = tuple_(*(literal(value, one.type) for one, value in zip(self.key, values, strict=True)))
            query = query.where(tuple_(*self.key) > behind)
        if self.name == "samples":
            query = query.where(self.table.c.extra.is_not(None))
        return (await session.execute(query.order_by(*self.key).limit(limit))).all()

    def replaced(self, row: Any, person: Person) -> Mapping[str, Any]:
        """Return the columns of a row in which a person is named, with pseudonyms in place of the ids."""
        values = {one.name: getattr(row, one.name) for one in self.columns}
        new = {
            name: person.replace_id(value) if name in _IDS else person.replace(value) for name, value in values.items()
        }
        return {name: value for name, value in new.items() if value != values[name]}

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
    return [place for place in found if place.columns]


def _restored(column: Column[Any], value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(column.type, UtcDateTime | DateTime) else value
