"""The schema version of a database, and the one that this version of Citrine needs.

A core checks it at every start, without Alembic, whose import would take as long as the rest of the start.
"""

import re
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["MIGRATIONS", "newest_revision", "schema_is_current"]

MIGRATIONS = Path(__file__).parent / "migrations"
"""Alembic's directory. Its files are numbered by revision: v0001_initial.py has revision 0001."""

_FILE = re.compile(r"v(\d{4})_\w+\.py")


@cache
def newest_revision() -> str:
    """Return the newest revision of this version of Citrine."""
    names = (path.name for path in (MIGRATIONS / "versions").iterdir())
    return max(found[1] for name in names if (found := _FILE.fullmatch(name)) is not None)


async def schema_is_current(engine: AsyncEngine) -> bool:
    """Return whether a database has the schema of this version of Citrine.

    Raises:
        DBAPIError: When the database refuses.
        OSError: When it can't be reached.
    """
    async with engine.connect() as connection:
        return await connection.run_sync(_stored_revision) == newest_revision()


def _stored_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    stored: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return stored
