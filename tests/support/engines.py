"""Engines of tests: a statement is compiled once for all of them, not once for each."""

from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.db import create_engine
from citrine_core.db.engine import BUSY_TIMEOUT

__all__ = ["new_engine"]

STATEMENTS = 5000
"""Statements whose compiled form is kept for each kind of database; all of ours are fewer."""

_first: dict[str, Engine] = {}
"""By the name of a dialect: the engine whose dialect and compiled statements the others use."""


def new_engine(url: str, *, busy_timeout: float = BUSY_TIMEOUT) -> AsyncEngine:
    """Return an engine as the core makes it, with what engines before it have compiled.

    SQLAlchemy keeps what it compiled with the engine and for its dialect object. A core has one engine as long as it
    lives; thousands of tests with one each would spend much of their time compiling the same.
    """
    engine = create_engine(url, busy_timeout=busy_timeout)
    made = engine.sync_engine
    first = _first.get(made.dialect.name)
    # Which version it speaks with, a dialect learns by the first connection.
    if first is None or first.dialect.server_version_info is None:
        # Any: no public attribute.
        cache: Any = made._compiled_cache
        cache.capacity = STATEMENTS
        _first[made.dialect.name] = made
    else:
        made.dialect = first.dialect
        made._compiled_cache = first._compiled_cache
    return engine
