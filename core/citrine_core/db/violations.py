"""Classification of violated constraints."""

from sqlalchemy.exc import IntegrityError

__all__ = ["breaks_foreign_key"]

_FOREIGN_KEY_VIOLATION = "23503"
"""SQLSTATE of PostgreSQL."""


def breaks_foreign_key(error: IntegrityError) -> bool:
    """Return whether a foreign key was violated, and not a unique constraint."""
    state = getattr(error.orig, "sqlstate", None)
    # SQLite has no code for it, but a fixed text.
    return state == _FOREIGN_KEY_VIOLATION if state else "FOREIGN KEY" in str(error.orig)
