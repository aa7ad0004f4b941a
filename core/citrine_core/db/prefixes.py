"""Texts that begin with others, found by an index on both databases."""

from typing import Any

from sqlalchemy import Column, ColumnElement, and_, func
from sqlalchemy.orm import InstrumentedAttribute

__all__ = ["begins_with"]

BEHIND = "\N{GREEK SMALL LETTER ALPHA}"
"""Comes behind all letters, digits and signs that ids have, in the order of code points as in that of a language."""


def begins_with(column: InstrumentedAttribute[Any] | Column[Any], prefix: str) -> ColumnElement[bool]:
    """Return the condition that a column of ids (of ASCII characters) begins with a text.

    The bounds are what an index is read by, whatever the collation of the database: LIKE would need one of its own
    where it is not "C". As some collations have letters of both cases side by side, the text itself is compared, too.
    Order by the column, so that no other index looks better.
    """
    return and_(
        column >= prefix,
        column < prefix + BEHIND,
        func.substr(column, 1, len(prefix)) == prefix,
    )
