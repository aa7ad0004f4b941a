"""Has the stored events of transactions become a partition without holding up those who write them (revision 0072).

A table becomes a partition at once if a constraint says that its rows belong there; else PostgreSQL reads all of them,
and nobody else uses the table meanwhile. To find out whether a constraint holds takes as long, but excludes nobody. So
that is done before the upgrade's transaction.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.db.databases import database_of

__all__ = ["ADD_MONTH", "OF_NO_MONTH", "prepare_events"]

OF_NO_MONTH = "ck_transaction_events_of_no_month"
"""Constraint of the events that are there before: they belong to no month."""

ADD_MONTH = "ALTER TABLE transaction_events ADD COLUMN IF NOT EXISTS events_month integer DEFAULT 0 NOT NULL"

_CHECK = f"ADD CONSTRAINT {OF_NO_MONTH} CHECK (events_month = 0) NOT VALID"

_IS_PLAIN = text("SELECT relkind = 'r' FROM pg_class WHERE oid = to_regclass('transaction_events')")

_IS_CHECKED = text(
    "SELECT convalidated FROM pg_constraint"
    " WHERE conrelid = to_regclass('transaction_events') AND conname = :constraint"
)


async def prepare_events(engine: AsyncEngine) -> None:
    """Have the events that are stored belong to no month, and say so. Does nothing where that is done, or not needed.

    A core of before adds events of no month meanwhile.
    """
    if not database_of(engine).has_partitions:
        return
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        if await connection.scalar(_IS_PLAIN):
            await _check(connection)


async def _check(connection: AsyncConnection) -> None:
    checked = await connection.scalar(_IS_CHECKED, {"constraint": OF_NO_MONTH})
    if checked is None:
        # One statement, which locks the table once. A default is written into no row.
        await connection.execute(text(f"{ADD_MONTH}, {_CHECK}"))
    if not checked:
        await connection.execute(text(f"ALTER TABLE transaction_events VALIDATE CONSTRAINT {OF_NO_MONTH}"))
