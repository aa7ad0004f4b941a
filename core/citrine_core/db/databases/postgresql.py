"""PostgreSQL: a server with many writers."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Dialect, FromClause, String, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from citrine_core.db.databases.base import Database, QueryT
from citrine_core.db.databases.order import SharedBounds

if TYPE_CHECKING:
    from citrine_core.db.databases.base import Insert

__all__ = ["Postgresql"]


class Postgresql(Database):
    """PostgreSQL."""

    has_one_writer = False
    has_partitions = True
    lanes = 2
    row_address = "CAST(ctid AS text)"
    first_parameter = "$1"
    outbox_order = SharedBounds()
    to_time = None
    from_time = None

    def lock(self, query: QueryT, *order: Any) -> QueryT:
        """Have a query lock its rows FOR UPDATE, in order."""
        return query.order_by(*order).with_for_update()

    def claim(self, query: QueryT, of: FromClause | None = None) -> QueryT:
        """Have a query lock its rows FOR UPDATE SKIP LOCKED."""
        return query.with_for_update(of=of, skip_locked=True)

    def insert(self, table: Table) -> "Insert":
        """Return an INSERT that knows ON CONFLICT."""
        # Imported here: a process has one database, and need not load what is known of the other.
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)

    def values(self, columns: Sequence[Column[Any]], rows: int, dialect: Dialect) -> str:
        """Return a table of values, with a numbered parameter of the column's type for each."""
        # Without lengths: a cast would cut what is too long, where storing it fails.
        kinds = [String() if isinstance(column.type, String) else column.type for column in columns]
        casts = [kind.compile(dialect=dialect) for kind in kinds]
        places = count(1)
        lines = (", ".join(f"${next(places)}::{cast}" for cast in casts) for _ in range(rows))
        return f"VALUES {', '.join(f'({line})' for line in lines)}"

    def select_keys(self, kinds: Sequence[str], parameter: str) -> str:
        """Return a SELECT of the keys, which unnest estimates at ten: jsonb_array_elements would at a hundred."""
        values = ", ".join(
            f"key ->> {place}" if kind == "text" else f"(key ->> {place})::{kind}" for place, kind in enumerate(kinds)
        )
        elements = f"ARRAY(SELECT jsonb_array_elements(CAST({parameter} AS jsonb)))"
        return f"SELECT {values} FROM unnest({elements}) AS key"

    def is_at(self, parameter: str) -> str:
        """Return a condition on the ctid."""
        return f"ctid = ANY(ARRAY(SELECT CAST(jsonb_array_elements_text(CAST({parameter} AS jsonb)) AS tid)))"

    def rehearsal(self, connection: AsyncConnection) -> AbstractAsyncContextManager[None]:
        """Do nothing: PostgreSQL finds space when it writes, not when it commits."""
        return nullcontext()

    async def try_lock(self, connection: AsyncConnection, key: int) -> bool:
        """Acquire an advisory lock, if it is free."""
        return bool(await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key}))

    async def lock_schema(self, connection: AsyncConnection, key: int) -> None:
        """Acquire an advisory lock until the end of the transaction."""
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
