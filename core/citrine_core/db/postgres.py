"""Connections to PostgreSQL with time limits: neither we nor others wait for ever for a silent peer."""

import contextlib
import socket
from typing import Any
from weakref import WeakSet

from sqlalchemy import AsyncAdaptedQueuePool, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["AbortablePool", "connect_arguments", "end_standing_sessions"]

CONNECT_TIMEOUT = 5.0
"""Seconds that PostgreSQL has to accept a connection."""

COMMAND_TIMEOUT = 30.0
"""Seconds that PostgreSQL has for one statement.

Enforced on our side, and not as statement_timeout: that would also end the wait of a commit for a synchronous standby,
and PostgreSQL would then report the commit as done.
"""

IDLE_TIMEOUT = 5.0
"""Seconds that a transaction of ours may be idle, after which PostgreSQL ends the session and releases its locks: a
process that is suspended, swapped out or cut off must not block others."""

MIGRATION_IDLE_TIMEOUT = 60.0
"""The same for a migration, which may compute between two statements, and locks whole tables."""

LOCK_TIMEOUT = 8.0
"""Seconds that a statement waits for a lock. Longer than IDLE_TIMEOUT, which releases locks of suspended cores."""

SILENCE = 10.0
"""Seconds without an acknowledgement of sent data after which either side drops a connection."""

_APPLICATION = "citrine"
"""Name of the sessions of cores."""

_END_STANDING = f"""
SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name = '{_APPLICATION}'
AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND wait_event = 'ClientRead'
AND greatest(query_start, state_change) < clock_timestamp() - interval '{IDLE_TIMEOUT:.0f} seconds'
"""

_KEEPALIVE = {"idle": 10, "interval": 4, "count": 3}
"""TCP keepalive: seconds of silence before the first probe, seconds between probes, and number of lost probes."""


def connect_arguments(*, limited: bool) -> dict[str, Any]:
    """Return arguments for asyncpg.

    Args:
        limited: Whether statements and waits for locks have time limits. False for migrations.
    """
    limits = {
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT if limited else MIGRATION_IDLE_TIMEOUT,
        "lock_timeout": LOCK_TIMEOUT if limited else 0.0,
        "tcp_user_timeout": SILENCE,
    }
    # Imported here: a process whose database is SQLite need not load asyncpg.
    from citrine_core.db.postgres_direct import DeferringConnection

    return {
        "connection_class": DeferringConnection,
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
    """A pool that can end all its connections at once, even if the server does not answer."""

    # Prefix of its logger's name: its lines are internal, like the others of SQLAlchemy.
    __module__ = AsyncAdaptedQueuePool.__module__

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._open: WeakSet[Any] = WeakSet()
        event.listen(self, "connect", self._on_connect)
        event.listen(self, "checkout", _on_checkout)

    def abort(self) -> None:
        """Drop all connections. Statements on them fail as in an outage."""
        for connection in list(self._open):
            connection.terminate()

    def _on_connect(self, connection: Any, record: object) -> None:
        self._open.add(connection.driver_connection)
        _limit_silence(connection.driver_connection)


async def end_standing_sessions(session: AsyncSession) -> list[int]:
    """End sessions of suspended cores that are within a transaction; return their process ids.

    PostgreSQL does this itself after IDLE_TIMEOUT, except between the two halves of a statement that the driver
    prepares first: the session then counts as active, and only the end of its connection ends it.
    """
    connection = await session.connection()
    return [row[0] for row in await connection.exec_driver_sql(_END_STANDING)]


def _on_checkout(connection: Any, record: object, proxy: object) -> None:
    # A connection that was ended in the pool must not fail its next user.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _limit_silence(connection: Any) -> None:
    """Make the kernel drop the connection if the peer acknowledges nothing, or is silent."""
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
            # Not every system has each option.
            with contextlib.suppress(AttributeError, OSError):
                same.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
