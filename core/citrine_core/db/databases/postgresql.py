"""PostgreSQL: a server with many writers."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Connection, Dialect, FromClause, String, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.db.databases.base import Database, QueryT, selected
from citrine_core.db.databases.change_times import TimesOfServer
from citrine_core.db.databases.order import SharedBounds
from citrine_core.db.notices import Notices, NoticesOfServer
from citrine_core.db.pooler import find_pooler_problem

if TYPE_CHECKING:
    from citrine_core.db.databases.base import Insert
    from citrine_core.db.direct import Direct

__all__ = ["Postgresql"]


class Postgresql(Database):
    """PostgreSQL."""

    has_one_writer = False
    has_partitions = True
    builds_indexes_late = True
    lanes = 2
    rows_at_once = None
    row_address = "CAST(ctid AS text)"
    first_parameter = "$1"
    outbox_order = SharedBounds()
    change_times = TimesOfServer()
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

    def values(self, columns: Sequence[Column[Any]], rows: int, dialect: Dialect, first: int = 1) -> str:
        """Return a table made of an array for each column: its text is the same for any number of rows."""
        # Without lengths: a cast would cut what is too long, where storing it fails.
        kinds = [String() if isinstance(column.type, String) else column.type for column in columns]
        arrays = [f"${place}::{kind.compile(dialect=dialect)}[]" for place, kind in enumerate(kinds, first)]
        names = [f"column{place}" for place in range(1, len(columns) + 1)]
        return f"SELECT * FROM unnest({', '.join(arrays)}) AS given({', '.join(names)})"

    def parameters(self, columns: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Return the values column by column."""
        return columns

    def direct(self, connection: Connection) -> "Direct":
        """Return the connection of asyncpg."""
        # Imported here, as above.
        from citrine_core.db.postgres_direct import PostgresqlDirect

        return PostgresqlDirect(connection)

    def select_keys(self, kinds: Sequence[str], parameter: str, names: Sequence[str] = ()) -> str:
        """Return a SELECT of the keys, which unnest estimates at ten: jsonb_array_elements would at a hundred."""
        values = selected(
            [
                f"key ->> {place}" if kind == "text" else f"(key ->> {place})::{kind}"
                for place, kind in enumerate(kinds)
            ],
            names,
        )
        elements = f"ARRAY(SELECT jsonb_array_elements(CAST({parameter} AS jsonb)))"
        return f"SELECT {values} FROM unnest({elements}) AS key"

    def is_at(self, parameter: str) -> str:
        """Return a condition on the ctid."""
        return f"ctid = ANY(ARRAY(SELECT CAST(jsonb_array_elements_text(CAST({parameter} AS jsonb)) AS tid)))"

    def rehearsal(self, connection: AsyncConnection) -> AbstractAsyncContextManager[None]:
        """Do nothing: PostgreSQL finds space when it writes, not when it commits."""
        return nullcontext()

    async def find_problem(self, engine: AsyncEngine) -> str | None:
        """Return what a connection pooler in between does that cores can't work with."""
        return await find_pooler_problem(engine)

    async def limit_lock_waits(self, connection: AsyncConnection, seconds: float) -> None:
        """Set its lock_timeout."""
        await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{seconds * 1000:.0f}ms'")

    async def try_lock(self, connection: AsyncConnection, key: int) -> bool:
        """Acquire an advisory lock, if it is free."""
        return bool(await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key}))

    def notices(self, engine: AsyncEngine) -> Notices:
        """Return notices by LISTEN and NOTIFY."""
        return NoticesOfServer(engine)

    async def lock_schema(self, connection: AsyncConnection, key: int) -> None:
        """Acquire an advisory lock until the end of the transaction."""
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
