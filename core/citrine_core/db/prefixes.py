"""Prefix search that uses an index on both databases."""

from typing import Any

from sqlalchemy import Column, ColumnElement, and_, func
from sqlalchemy.orm import InstrumentedAttribute

__all__ = ["begins_with"]

BEHIND = "\N{GREEK SMALL LETTER ALPHA}"
"""Sorts after all characters of ids, by code points and by the collation of any language."""


def begins_with(column: InstrumentedAttribute[Any] | Column[Any], prefix: str) -> ColumnElement[bool]:
    """Return the condition that a column of ids (of ASCII characters) begins with a text.

    The bounds let the database use an ordinary index, whatever its collation: LIKE would need a special index unless
    the collation is "C". The text itself is compared as well, because some collations mix letters of both cases. The
    query should be ordered by the column, so that the planner prefers this index.
    """
    return and_(
        column >= prefix,
        column < prefix + BEHIND,
        func.substr(column, 1, len(prefix)) == prefix,
    )
