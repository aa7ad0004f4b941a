"""All tables of the core, for migrations and tests."""

import importlib
import pkgutil
from functools import cache

from sqlalchemy import MetaData, Table

import citrine_core
from citrine_core.db.base import Model

__all__ = ["metadata", "own_tables"]


def metadata() -> MetaData:
    """Return the tables of every module named "models" in the core."""
    _import_models()
    return Model.metadata


@cache
def _import_models() -> None:
    for module in pkgutil.walk_packages(citrine_core.__path__, "citrine_core."):
        if module.name.endswith(".models"):
            importlib.import_module(module.name)


def own_tables() -> frozenset[str]:
    """Return the names of the core's own tables, without those that plug-ins added to the metadata."""
    tables = metadata().tables
    return frozenset(
        table.name
        for model in Model.__subclasses__()
        if model.__module__.startswith("citrine_core.")
        and isinstance(table := model.__table__, Table)
        and table.name in tables
    )
