"""Brings the adapter's database to the newest schema, at each start."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from citrine_ocpi.db.engine import Database

__all__ = ["SchemaTooNew", "alembic_config", "upgrade"]

_LOCK = 0x6369_7472_6F63
"""Advisory lock that serialises upgrades of one PostgreSQL database."""


class SchemaTooNew(Exception):
    """The database has the schema of a newer version of Citrine."""


async def upgrade(database: Database) -> None:
    """Upgrade a database, in one transaction; upgrades at the same time wait for each other.

    Raises:
        SchemaTooNew: When a newer version of Citrine upgraded it.
        DBAPIError: When the database refuses.
    """
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(_upgrade)
    except CommandError as error:
        raise SchemaTooNew(f"the database of the OCPI adapter is of a newer version: {error}") from error


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # SQLite began the transaction with a lock.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def alembic_config() -> Config:
    """Return Alembic's configuration. The caller sets a connection in its attributes."""
    config = Config()
    # In ConfigParser, a % begins a reference.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
