"""How far readers of the outbox may go: no event with a lower id may be committed after they went past it.

A database gives an id to an event when it is inserted, and shows it when it is committed; so where several write at a
time, ids become visible out of order. Readers go no further than the **horizon**: each id up to it is committed by
now, or will never be. Why that holds is in ADR 16.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["OutboxOrder", "order_of"]

HIGHEST = 2**63 - 1
"""The highest id that there can be."""

_PREFIX = 0x6F62
"""The highest 16 bits of the keys of the advisory locks that writers hold on PostgreSQL; the others are their bound."""

_BOUND_BITS = 48

_LAST = "last_value - CASE WHEN is_called THEN 0 ELSE 1 END"
"""The id that was given last; of a sequence that gave none, last_value is the first that it will give."""

_ANNOUNCE = f"SELECT pg_advisory_xact_lock_shared(({_PREFIX}::bigint << {_BOUND_BITS}) | ({_LAST})) FROM outbox_id_seq"

# The condition in the subquery that is always true has it depend on the row of the sequence, so that it is executed
# after that was read. An advisory lock of one key shows its halves as classid and objid.
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
    """What one kind of database needs for it."""

    async def announce(self, connection: AsyncConnection) -> None:
        """Say, in a transaction that is about to insert events, that their ids are above the last one so far."""
        ...

    async def horizon(self, connection: AsyncConnection) -> tuple[int, int]:
        """Return the horizon, and the highest id that may be given by now.

        Where the second is higher, somebody may be about to commit. What is read up to the horizon has to be read by
        a later statement, which sees what was committed until now.
        """
        ...


class _OneWriter:
    """SQLite: who writes is alone from the begin of the transaction to its commit."""

    async def announce(self, connection: AsyncConnection) -> None:
        return

    async def horizon(self, connection: AsyncConnection) -> tuple[int, int]:
        return HIGHEST, HIGHEST


class _SharedBounds:
    """PostgreSQL: each writer holds a shared lock, which waits for nobody, whose key says above which id its own are.

    A writer takes it before it gets an id, and PostgreSQL lets go of it after the commit can be seen, or after the
    rollback. A reader looks first which id was given last, then at the locks. Whoever had an id by then held its
    lock, or has ended. Whoever takes a lock later gets higher ids, whatever bound it says: one that is too low is
    harmless. Ids that were rolled back, and those that the sequence jumps over after a crash, are not waited for.

    Nobody waits for a process that stands still with the lock: readers see less until its session is ended
    (`IDLE_TIMEOUT` of the engine). Nothing of it is stored, so a copy of the database needs none of it. The sequence
    must give its ids one by one (CACHE 1, as is the default).
    """

    async def announce(self, connection: AsyncConnection) -> None:
        await connection.exec_driver_sql(_ANNOUNCE)

    async def horizon(self, connection: AsyncConnection) -> tuple[int, int]:
        row: Sequence[int] = (await connection.exec_driver_sql(_HORIZON)).one()
        return row[0], row[1]


_BY_DIALECT: Mapping[str, OutboxOrder] = {"sqlite": _OneWriter(), "postgresql": _SharedBounds()}


def order_of(connection: AsyncConnection) -> OutboxOrder:
    """Return what the database of a connection needs."""
    return _BY_DIALECT[connection.dialect.name]
