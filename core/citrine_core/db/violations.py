"""Which rule of the schema a statement broke."""

from sqlalchemy.exc import IntegrityError

__all__ = ["breaks_foreign_key"]

_FOREIGN_KEY_VIOLATION = "23503"
"""SQLSTATE of PostgreSQL."""


def breaks_foreign_key(error: IntegrityError) -> bool:
    """Return whether a row names one that does not exist, and not one that exists already."""
    state = getattr(error.orig, "sqlstate", None)
    # SQLite has no codes here, but a fixed text.
    return state == _FOREIGN_KEY_VIOLATION if state else "FOREIGN KEY" in str(error.orig)
