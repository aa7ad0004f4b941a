"""All tables of the core, for migrations and tests."""

import importlib
import pkgutil

from sqlalchemy import MetaData

import citrine_core
from citrine_core.db.base import Model

__all__ = ["metadata"]


def metadata() -> MetaData:
    """Return the tables of every module named "models" in the core."""
    for module in pkgutil.walk_packages(citrine_core.__path__, "citrine_core."):
        if module.name.endswith(".models"):
            importlib.import_module(module.name)
    return Model.metadata
