"""What differs between SQLite and PostgreSQL, behind one interface.

Everything else says what it wants of :class:`Database`, and never asks which one it is.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from citrine_core.db.databases.base import Database, LockedQuery
from citrine_core.db.databases.order import OutboxOrder
from citrine_core.db.databases.postgresql import Postgresql
from citrine_core.db.databases.sqlite import Sqlite

__all__ = ["Database", "LockedQuery", "OutboxOrder", "database_of"]

_DATABASES: Mapping[str, Database] = {"sqlite": Sqlite(), "postgresql": Postgresql()}


def database_of(source: AsyncSession | AsyncConnection | AsyncEngine | Connection | Dialect) -> Database:
    """Return the database of a session, connection, engine or dialect."""
    bind = source.get_bind() if isinstance(source, AsyncSession) else source
    return _DATABASES[bind.name if isinstance(bind, Dialect) else bind.dialect.name]
