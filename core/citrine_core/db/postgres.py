"""Connections to PostgreSQL on which nobody waits for ever: not we for a server that is silent, nor others for us."""

import contextlib
import socket
from typing import Any
from weakref import WeakSet

from sqlalchemy import AsyncAdaptedQueuePool, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["AbortablePool", "connect_arguments", "end_standing_sessions"]

CONNECT_TIMEOUT = 5.0
"""Seconds that PostgreSQL may take to accept a connection."""

COMMAND_TIMEOUT = 30.0
"""Seconds that PostgreSQL may take for one statement.

On our side, and not as its statement_timeout: that would also end the wait of a commit for a synchronous standby, and
then PostgreSQL says that it is committed.
"""

IDLE_TIMEOUT = 5.0
"""Seconds that we may do nothing within a transaction; then PostgreSQL ends the session, and its locks with it. Whoever
stands still for longer (stopped, swapped out, cut off) must not have others wait."""

MIGRATION_IDLE_TIMEOUT = 60.0
"""The same for a migration, which may think between two statements, and locks whole tables."""

LOCK_TIMEOUT = 8.0
"""Seconds that a statement waits for a lock. More than IDLE_TIMEOUT, so that locks of one who stands still are gone."""

SILENCE = 10.0
"""Seconds after which either side gives up a connection that does not take what was sent."""

_APPLICATION = "citrine"
"""Name of the sessions of cores."""

_END_STANDING = f"""
SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name = '{_APPLICATION}'
AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND wait_event = 'ClientRead'
AND greatest(query_start, state_change) < clock_timestamp() - interval '{IDLE_TIMEOUT:.0f} seconds'
"""

_KEEPALIVE = {"idle": 10, "interval": 4, "count": 3}
"""When a connection without traffic is asked for a sign of life, how often then, and how often in vain."""


def connect_arguments(*, limited: bool) -> dict[str, Any]:
    """Return arguments for asyncpg.

    Args:
        limited: Whether statements and waits for locks have limits. False for migrations, which take as long as they
            take.
    """
    limits = {
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT if limited else MIGRATION_IDLE_TIMEOUT,
        "lock_timeout": LOCK_TIMEOUT if limited else 0.0,
        "tcp_user_timeout": SILENCE,
    }
    return {
        "timeout": CONNECT_TIMEOUT,
        "command_timeout": COMMAND_TIMEOUT if limited else None,
        "server_settings": {
            "timezone": "UTC",
            "application_name": _APPLICATION if limited else f"{_APPLICATION} db upgrade",
            "jit": "off",
            # Readers of the outbox need a new snapshot for each statement.
            "default_transaction_isolation": "read committed",
            **{name: f"{seconds * 1000:.0f}ms" for name, seconds in limits.items()},
            **{f"tcp_keepalives_{name}": str(value) for name, value in _KEEPALIVE.items()},
        },
    }


class AbortablePool(AsyncAdaptedQueuePool):
    """A pool that can end all its connections at once, also those whose server does not answer."""

    # The name of its logger begins with that: what it says is as little for operators as the rest of SQLAlchemy.
    __module__ = AsyncAdaptedQueuePool.__module__

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._open: WeakSet[Any] = WeakSet()
        event.listen(self, "connect", self._on_connect)
        event.listen(self, "checkout", _on_checkout)

    def abort(self) -> None:
        """End all connections without a goodbye. What is under way on them fails as in an outage."""
        for connection in list(self._open):
            connection.terminate()

    def _on_connect(self, connection: Any, record: object) -> None:
        self._open.add(connection.driver_connection)
        _limit_silence(connection.driver_connection)


async def end_standing_sessions(session: AsyncSession) -> list[int]:
    """End sessions of cores that stand still within a transaction; return their process ids.

    PostgreSQL does so by itself after IDLE_TIMEOUT, but not between the two halves of a statement that the driver
    prepares first: then the session counts as active, and nothing but the end of its connection ends it.
    """
    connection = await session.connection()
    return [row[0] for row in await connection.exec_driver_sql(_END_STANDING)]


def _on_checkout(connection: Any, record: object, proxy: object) -> None:
    # What was ended while it lay in the pool must not fail whoever gets it.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _limit_silence(connection: Any) -> None:
    """Have the kernel give up the connection where the other side takes nothing any more, or says nothing."""
    ours = connection._transport.get_extra_info("socket")
    if ours is None or ours.family == getattr(socket, "AF_UNIX", None):
        return
    options = {
        "TCP_KEEPIDLE": _KEEPALIVE["idle"],
        "TCP_KEEPINTVL": _KEEPALIVE["interval"],
        "TCP_KEEPCNT": _KEEPALIVE["count"],
        "TCP_USER_TIMEOUT": round(SILENCE * 1000),
    }
    with ours.dup() as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in options.items():
            # Systems lack one or another.
            with contextlib.suppress(AttributeError, OSError):
                same.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
