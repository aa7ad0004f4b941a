"""The horizon of the outbox: the id up to which readers may read without missing an event.

A database assigns the id of an event at its insertion, and shows the event after its commit. With several concurrent
writers, ids therefore become visible out of order. Readers read only up to the **horizon**: every id up to it is
committed by now, or never will be. ADR 16 explains why that holds.
"""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["OneWriter", "OutboxOrder", "SharedBounds"]

HIGHEST = 2**63 - 1
"""The highest possible id."""

_PREFIX = 0x6F62
"""The highest 16 bits of the keys of writers' advisory locks on PostgreSQL; the lower bits are their bound."""

_BOUND_BITS = 48

_LAST = "last_value - CASE WHEN is_called THEN 0 ELSE 1 END"
"""The id assigned last. Of an unused sequence, last_value is the first id that it will assign."""

_ANNOUNCED = f"""
SELECT CAST(pg_advisory_xact_lock_shared(({_PREFIX}::bigint << {_BOUND_BITS}) | ({_LAST})) AS text) AS locked
FROM outbox_id_seq OFFSET 0
"""

# The condition in the subquery that is always true makes it depend on the row of the sequence, so that it is executed
# after that row was read. pg_locks shows the halves of an advisory lock's key as classid and objid.
_HORIZON = f"""
SELECT least(given.last, (
    SELECT min(((classid::bigint & {2 ** (_BOUND_BITS - 32) - 1}) << 32) | objid::bigint) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> {_BOUND_BITS - 32} = {_PREFIX}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND given.last >= 0
)), given.last
FROM (SELECT {_LAST} AS last FROM outbox_id_seq OFFSET 0) AS given
"""


class OutboxOrder(Protocol):
    """How one kind of database determines the horizon."""

    def announcing_insert(self, into: str, values: str) -> str:
        """Return an INSERT of events that first announces that their ids will be above the last one so far.

        Args:
            into: The table, with columns in parentheses.
            values: A query that returns the rows.
        """
        ...

    async def horizon(self, connection: AsyncConnection) -> tuple[int, int]:
        """Return the horizon, and the highest id that may be assigned by now.

        If the second is higher, a writer may be about to commit. Events up to the horizon must be read by a later
        statement, which sees everything committed until now.
        """
        ...


class OneWriter:
    """SQLite: a writer excludes all others from the start of its transaction to the commit."""

    def announcing_insert(self, into: str, values: str) -> str:
        """Return the INSERT alone; see OutboxOrder."""
        return f"INSERT INTO {into} {values}"

    async def horizon(self, connection: AsyncConnection) -> tuple[int, int]:
        """Return the horizon and the highest id; see OutboxOrder."""
        return HIGHEST, HIGHEST


class SharedBounds:
    """PostgreSQL: each writer has a shared advisory lock, which never waits, and whose key is the bound of its ids.

    A writer acquires the lock before it is assigned an id. PostgreSQL releases the lock after the commit is visible, or
    after the rollback. A reader first reads which id was assigned last, then the locks. A writer with an id by then
    either still has its lock, or has ended. A writer that acquires a lock later is assigned higher ids, whatever its
    bound; a bound that is too low is harmless. Ids that were rolled back, or that the sequence skips after a crash,
    delay nobody.

    Nobody waits for a process that is suspended with the lock: readers see no newer events until its session is ended
    (`IDLE_TIMEOUT` of the engine). Nothing is stored, so a copy of the database needs nothing of this. The sequence
    must assign ids one by one (CACHE 1, the default).
    """

    def announcing_insert(self, into: str, values: str) -> str:
        """Return an INSERT that acquires the lock; see OutboxOrder.

        PostgreSQL assigns an id to a row that the query returned, and the query returns none before it has compared the
        result of the lock: a void value, whose text is empty. So the order does not depend on the plan, also where this
        is one part of a larger statement.
        """
        rows = f"SELECT given.* FROM ({_ANNOUNCED}) AS announced, ({values}) AS given WHERE announced.locked = ''"
        return f"INSERT INTO {into} {rows}"

    async def horizon(self, connection: AsyncConnection) -> tuple[int, int]:
        """Return the horizon and the highest id; see OutboxOrder."""
        row: Sequence[int] = (await connection.exec_driver_sql(_HORIZON)).one()
        return row[0], row[1]
