"""Indexes that both databases can have, and that load neither dialect before it is used."""

from functools import cached_property
from typing import Any

from sqlalchemy import Index, TextClause

__all__ = ["PartialIndex"]


class PartialIndex(Index):
    """An index of the rows for which a condition is true, on SQLite and PostgreSQL alike.

    The arguments `sqlite_where` and `postgresql_where` of an ordinary index are checked where it is declared, for
    which SQLAlchemy loads both dialects: a core that starts would load the one that it never uses.

    Args:
        name: Of the index.
        columns: Their names.
        where: The condition.
        unique: Whether the columns of these rows are.
    """

    inherit_cache = False

    def __init__(self, name: str, *columns: str, where: TextClause, unique: bool = False) -> None:
        super().__init__(name, *columns, unique=unique)
        self._where = where

    @cached_property
    def dialect_options(self) -> Any:
        """Options by dialect, each made when it is asked for."""
        return _Options(self._where, super().dialect_options)


class _Options(dict[str, Any]):
    def __init__(self, where: TextClause, defaults: Any) -> None:
        super().__init__()
        self._where = where
        self._defaults = defaults

    def __missing__(self, dialect: str) -> Any:
        options = self[dialect] = self._defaults[dialect]
        options["where"] = self._where
        return options
