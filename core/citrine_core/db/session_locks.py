"""Locks of PostgreSQL that a connection holds over several transactions."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["lock_session", "unlock_session"]

PAUSE = 0.2
"""Seconds between attempts. A statement that waits for the lock would hold up work that waits for all statements."""


async def lock_session(connection: AsyncConnection, key: int) -> None:
    """Wait for an advisory lock, which the connection holds until it is unlocked or closed.

    Args:
        connection: In AUTOCOMMIT.
        key: Of the lock.
    """
    while True:
        if await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
            return
        await asyncio.sleep(PAUSE)


async def unlock_session(connection: AsyncConnection, key: int) -> None:
    """Give a lock back."""
    await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
