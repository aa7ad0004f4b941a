"""The adapter's own database: engine, base of the tables, migrations."""

from citrine_ocpi.db.base import BigId, Table, UtcDateTime
from citrine_ocpi.db.engine import Database
from citrine_ocpi.db.upgrade import SchemaTooNew, upgrade

__all__ = ["BigId", "Database", "SchemaTooNew", "Table", "UtcDateTime", "upgrade"]
