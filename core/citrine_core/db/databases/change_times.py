"""Times of changes, and the horizon before which no change will be committed any more.

A change gets its time within its transaction, and others see it after the commit. A reader who asks for what changed
since the last time it saw would miss a change that is committed later with an earlier time. So it is shown only changes
**before the horizon**: those that have such a time are committed by now, or never will be.
"""

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from citrine_core.clock import Clock

__all__ = ["ChangeTimes", "TimesOfOneWriter", "TimesOfServer"]

_PREFIX = 0x6368
"""The highest 16 bits of the keys of writers' advisory locks on PostgreSQL; the lower bits are their bound."""

_BOUND_BITS = 48
"""Bits of a bound, which is a time in milliseconds since 1970."""

# clock_timestamp() of the outer query is evaluated for a row that passed the condition, and so with the lock acquired.
_TIME = f"""
SELECT clock_timestamp() FROM (
    SELECT CAST(pg_advisory_xact_lock_shared(
        ({_PREFIX}::bigint << {_BOUND_BITS}) | CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)
    ) AS text) AS locked OFFSET 0
) AS announced WHERE announced.locked = ''
"""

# The condition in the subquery that is always true makes it depend on the time, so that it is executed after the clock
# was read. pg_locks shows the halves of an advisory lock's key as classid and objid.
_HORIZON = f"""
SELECT least(given.now, (
    SELECT to_timestamp(
        min(((classid::bigint & {2 ** (_BOUND_BITS - 32) - 1}) << 32) | objid::bigint) / 1000.0
    ) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> {_BOUND_BITS - 32} = {_PREFIX}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND given.now IS NOT NULL
)) FROM (SELECT clock_timestamp() AS now OFFSET 0) AS given
"""


class ChangeTimes(Protocol):
    """How one kind of database dates changes."""

    async def time(self, connection: AsyncConnection, clock: Clock) -> datetime:
        """Return the time of the changes that this transaction makes from now on."""
        ...

    async def horizon(self, connection: AsyncConnection) -> datetime | None:
        """Return the time before which no change will be committed any more; None: all that can be seen is.

        Changes before it must be read by a later statement, which sees everything committed until now.
        """
        ...


class TimesOfOneWriter:
    """SQLite: whoever is about to write has waited for the commit of the one before, on the same machine."""

    async def time(self, connection: AsyncConnection, clock: Clock) -> datetime:
        """Return the time by the core's clock; see ChangeTimes."""
        driver: Any = (await connection.get_raw_connection()).driver_connection
        if not driver.has_begun:
            # Only the first statement of a transaction waits for the commit of the one before.
            await connection.exec_driver_sql("SELECT 1")
        return clock()

    async def horizon(self, connection: AsyncConnection) -> datetime | None:
        """Return None; see ChangeTimes."""
        return None


class TimesOfServer:
    """PostgreSQL: times are those of the server's clock, and a shared advisory lock announces each until its commit.

    A writer acquires the lock, whose key is the time at which it asked for it, before it reads the clock for its
    changes. PostgreSQL releases the lock after the commit is visible, or after the rollback. A reader first reads the
    clock, then the locks. A writer that has its lock by then bounds the horizon, or has ended; one that acquires it
    later reads a later time. Nobody waits for anybody, as with events (ADR 16). It relies on one thing: that nobody
    sets the clock of the server back.
    """

    async def time(self, connection: AsyncConnection, clock: Clock) -> datetime:
        """Return the time by the server's clock; see ChangeTimes."""
        found: datetime = (await connection.exec_driver_sql(_TIME)).scalar_one()
        return found

    async def horizon(self, connection: AsyncConnection) -> datetime | None:
        """Return the horizon; see ChangeTimes."""
        found: datetime = (await connection.exec_driver_sql(_HORIZON)).scalar_one()
        return found
