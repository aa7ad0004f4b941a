"""Engines of tests: a statement is compiled once for all of them, not once for each."""

from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import CreateEnginePlugin, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.db import create_engine
from citrine_core.db.engine import BUSY_TIMEOUT

__all__ = ["CompiledOnce", "compiled_once", "new_engine"]

STATEMENTS = 5000
"""Statements whose compiled form is kept for each kind of database; all of ours are fewer."""

_PLUGIN = "compiled_once"

_first: dict[tuple[str, str], Engine] = {}
"""By who makes them and the name of a dialect: the engine whose dialect and compiled statements the others use."""


def new_engine(url: str, *, busy_timeout: float = BUSY_TIMEOUT) -> AsyncEngine:
    """Return an engine as the core makes it, with what engines before it have compiled.

    SQLAlchemy keeps what it compiled with the engine and for its dialect object. A core has one engine as long as it
    lives; thousands of tests with one each would spend much of their time compiling the same.
    """
    engine = create_engine(url, busy_timeout=busy_timeout)
    _share("core", engine.sync_engine)
    return engine


def compiled_once(url: str) -> str:
    """Return the URL of a database for an adapter, whose engine then has what engines before it have compiled."""
    return make_url(url).update_query_dict({"plugin": _PLUGIN}).render_as_string(hide_password=False)


class CompiledOnce(CreateEnginePlugin):
    """What SQLAlchemy asks where a URL names it: has an engine that others make share what it compiles."""

    def update_url(self, url: URL) -> URL:
        """Return the URL as it is: its only parameter is the name of the plugin, which SQLAlchemy takes out."""
        return url

    def engine_created(self, engine: Engine) -> None:
        """Share it, before the engine is used."""
        _share("adapter", engine)


plugins.register(_PLUGIN, __name__, CompiledOnce.__name__)


def _share(maker: str, made: Engine) -> None:
    key = maker, made.dialect.name
    first = _first.get(key)
    # Which version it speaks with, a dialect learns by the first connection.
    if first is None or first.dialect.server_version_info is None:
        # Any: no public attribute.
        cache: Any = made._compiled_cache
        cache.capacity = STATEMENTS
        _first[key] = made
    else:
        made.dialect = first.dialect
        made._compiled_cache = first._compiled_cache
