"""Spans of time by which lists are filtered."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from citrine_core.ids import first_id_of

__all__ = ["ANY_TIME", "Span", "ids_made_in"]


class Span(NamedTuple):
    """A span of time, of which either end may be open."""

    start: datetime | None = None
    """First time in it. None: it has no start."""
    end: datetime | None = None
    """First time behind it. None: it has no end."""

    @property
    def is_bounded(self) -> bool:
        """Whether there is a time outside of it."""
        return self != ANY_TIME

    def of(self, column: InstrumentedAttribute[Any] | ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """Return the conditions that a time is in it; none if it is not bounded."""
        conditions = []
        if self.start is not None:
            conditions.append(column >= self.start)
        if self.end is not None:
            conditions.append(column < self.end)
        return conditions


def ids_made_in(column: InstrumentedAttribute[Any] | ColumnElement[Any], made: Span) -> list[ColumnElement[bool]]:
    """Return the conditions that ids which begin with the time at which they were made are of a span of time."""
    conditions = []
    if made.start is not None:
        conditions.append(column >= first_id_of(made.start))
    if made.end is not None:
        conditions.append(column < first_id_of(made.end))
    return conditions


ANY_TIME = Span()
"""The span without bounds."""
