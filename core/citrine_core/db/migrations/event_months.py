"""Has the stored events of transactions become a partition without holding up those who write them (revision 0072).

A table becomes a partition at once if a constraint says that its rows belong there; else PostgreSQL reads all of them,
and nobody else uses the table meanwhile. To find out whether a constraint holds takes as long, but excludes nobody. So
that is done before the upgrade's transaction.
"""

from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.db.databases import database_of
from citrine_core.db.session_locks import lock_session, unlock_session

__all__ = ["ADD_MONTH", "OF_NO_MONTH", "prepare_events"]

OF_NO_MONTH = "ck_transaction_events_of_no_month"
"""Constraint of the events that are there before: they belong to no month."""

ADD_MONTH = "ALTER TABLE transaction_events ADD COLUMN IF NOT EXISTS events_month integer DEFAULT 0 NOT NULL"

_CHECK = f"ADD CONSTRAINT {OF_NO_MONTH} CHECK (events_month = 0) NOT VALID"

_LOCK = 0x6369_7472_0005
"""Advisory lock of the upgrade that does it."""

_FIND_PLAIN = text(
    "SELECT convalidated FROM pg_class LEFT JOIN pg_constraint ON conrelid = pg_class.oid AND conname = :constraint"
    " WHERE pg_class.oid = to_regclass('transaction_events') AND relkind = 'r'"
)
"""A row if the table is there and has no partitions yet: whether the constraint is validated, NULL where it lacks."""


async def prepare_events(engine: AsyncEngine) -> None:
    """Have the events that are stored belong to no month, and say so. Does nothing where that is done, or not needed.

    A core of before adds events of no month meanwhile. Concurrent calls take turns.

    Args:
        engine: The caller disposes of it, which ends the lock where this fails.
    """
    if not database_of(engine).has_partitions:
        return
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await lock_session(connection, _LOCK)
        plain_table = await _plain_table(connection)
        if plain_table is not None and plain_table.convalidated is None:
            await _add_check(engine)
            plain_table = await _plain_table(connection)
        if plain_table is not None and not plain_table.convalidated:
            await connection.execute(text(f"ALTER TABLE transaction_events VALIDATE CONSTRAINT {OF_NO_MONTH}"))
        await unlock_session(connection, _LOCK)


async def _plain_table(connection: AsyncConnection) -> Row[Any] | None:
    return (await connection.execute(_FIND_PLAIN, {"constraint": OF_NO_MONTH})).one_or_none()


async def _add_check(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("LOCK TABLE transaction_events IN ACCESS EXCLUSIVE MODE"))
        plain_table = await _plain_table(connection)
        # An upgrade that is further may have made it a table of partitions, all of which the constraint would bind.
        if plain_table is not None and plain_table.convalidated is None:
            # One statement, which locks the table once. A default is written into no row.
            await connection.execute(text(f"{ADD_MONTH}, {_CHECK}"))
