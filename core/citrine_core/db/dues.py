"""Queries of when something is due, of which one statement asks many."""

from datetime import datetime

from sqlalchemy import Select, func, select, union_all

__all__ = ["Due", "earliest"]

Due = Select[datetime | None]
"""A query of one value: the earliest time at which there is something to do, NULL where there is nothing. It must
read a few rows at most, by an index of what waits."""


def earliest(*dues: Due) -> Due:
    """Return the query of the earliest of several times."""
    times = union_all(*(select(due.scalar_subquery().label("due")) for due in dues)).subquery()
    return select(func.min(times.c.due))
