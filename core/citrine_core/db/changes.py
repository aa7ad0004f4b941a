"""Lists by the time of a change, from which a reader that comes back misses nothing.

What is listed so has a column `update_time`, which each transaction that changes rows sets to the one `change_time` of
its changes. A list asks for rows `changed_within` a range, and is ordered by that column and a key behind it. A client
remembers the latest `update_time` that it saw, and asks from there when it comes back.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from citrine_core.clock import Clock
from citrine_core.db.databases import database_of

__all__ = ["change_time", "changed_within"]


async def change_time(session: AsyncSession, clock: Clock) -> datetime:
    """Return the time of the changes that a transaction makes from now on: their `update_time`.

    Until its commit, no list by time shows what others changed later. Call it after what may take long.

    Args:
        session: The session of a unit of work that writes.
        clock: The core's clock, for a database that has none of its own.
    """
    connection = await session.connection()
    return await database_of(connection).change_times.time(connection, clock)


async def changed_within(
    session: AsyncSession,
    column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    start: datetime | None,
    end: datetime | None,
) -> list[ColumnElement[bool]]:
    """Return the conditions that a row changed within a range, and that no earlier change can still be committed.

    The statement that has them must be executed after this.

    Args:
        session: The session of the unit of work that reads.
        column: The column `update_time`.
        start: Only changes at this time or later. None: from the beginning.
        end: Only earlier changes. None: without end.
    """
    connection = await session.connection()
    horizon = await database_of(connection).change_times.horizon(connection)
    bounds: list[Any] = [] if start is None else [column >= start]
    ends = [one for one in (end, horizon) if one is not None]
    if ends:
        bounds.append(column < min(ends))
    return bounds
