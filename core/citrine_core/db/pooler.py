"""Detection of a connection pooler that does not give cores sessions of their own, with the settings they ask for.

A pooler between cores and PostgreSQL (PgBouncer) may hand one session of the server to one client after the other, and
ignore the settings that clients ask for at the start. Statements that were prepared are then not there, notices are not
received, and the limits by which nobody waits for a suspended core (ADR 17) do not hold. A core does not start with it.
"""

from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.db.postgres import IDLE_TIMEOUT, LOCK_TIMEOUT
from citrine_core.ids import new_id

__all__ = ["find_pooler_problem"]

_WANTED: Mapping[str, str] = {
    "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT * 1000:.0f}",
    "lock_timeout": f"{LOCK_TIMEOUT * 1000:.0f}",
    "default_transaction_isolation": "read committed",
}
"""Settings that must be in effect, as pg_settings shows them (milliseconds)."""

_ROUNDS = 3
"""How often two connections are compared."""

_NAME = "citrine.session"
"""A setting of no meaning, by which sessions are distinguished."""

_PREPARED = ("42P05", "26000")
"""SQLSTATEs: a prepared statement exists already, or does not exist."""

_UNSUPPORTED = "unsupported startup parameter"
"""What PgBouncer answers to a setting that it does not know, and is not configured to ignore."""

_BY_STATEMENT = "statement pooling mode"
"""What PgBouncer answers to a transaction where it shares sessions by statement."""

_HINT = "see PgBouncer in docs/deployment.md"


async def find_pooler_problem(engine: AsyncEngine) -> str | None:
    """Return why cores can't work with the connections of an engine for PostgreSQL; None: they can.

    Raises:
        DBAPIError: When the database refuses for another reason.
        OSError: When it can't be reached.
    """
    try:
        for _ in range(_ROUNDS):
            async with engine.connect() as one, engine.connect() as other:
                wrong = await _find_wrong_settings(one)
                if wrong:
                    return f"a connection pooler ignores settings of the connection ({', '.join(wrong)}): {_HINT}"
                if await _share_a_session(one, other):
                    return _shared()
    except DBAPIError as error:
        if _UNSUPPORTED in str(error.orig):
            return f"a connection pooler refuses settings of the connection: {_HINT}"
        if _BY_STATEMENT in str(error.orig) or getattr(error.orig, "sqlstate", None) in _PREPARED:
            return _shared()
        raise
    return None


async def _find_wrong_settings(connection: AsyncConnection) -> list[str]:
    names = ", ".join(f"'{name}'" for name in _WANTED)
    rows = await connection.exec_driver_sql(f"SELECT name, setting FROM pg_settings WHERE name IN ({names})")
    found: dict[str, str] = dict(map(tuple, rows))
    await connection.commit()
    return [name for name, wanted in _WANTED.items() if found.get(name) != wanted]


async def _share_a_session(*connections: AsyncConnection) -> bool:
    """Return whether what one connection sets for its session is seen by the other, or is lost."""
    given = [new_id() for _ in connections]
    for connection, value in zip(connections, given, strict=True):
        await connection.exec_driver_sql(f"SELECT set_config('{_NAME}', $1, false)", (value,))
        await connection.commit()
    seen = []
    for connection in connections:
        seen.append((await connection.exec_driver_sql(f"SELECT current_setting('{_NAME}', true)")).scalar())
        await connection.commit()
    return seen != given


def _shared() -> str:
    return f"a connection pooler shares sessions of PostgreSQL among clients (pool_mode is not session): {_HINT}"
