"""The relational data layer: base model, engine, unit of work, migrations."""

from citrine_core.db.base import BigId, Model, OcppString, UtcDateTime
from citrine_core.db.databases import Database, LockedQuery, database_of
from citrine_core.db.dues import Due, earliest
from citrine_core.db.engine import create_engine
from citrine_core.db.indexes import PartialIndex
from citrine_core.db.notices import Notices
from citrine_core.db.one_of import given_times, one_of
from citrine_core.db.outages import is_outage
from citrine_core.db.pages import Listed, Page
from citrine_core.db.places import Places, in_background
from citrine_core.db.prefixes import begins_with
from citrine_core.db.spans import ANY_TIME, Span, ids_made_in
from citrine_core.db.unit_of_work import UnitOfWork, UnitOfWorkFactory, accompany

__all__ = [
    "ANY_TIME",
    "BigId",
    "Database",
    "Due",
    "Listed",
    "LockedQuery",
    "Model",
    "Notices",
    "OcppString",
    "Page",
    "PartialIndex",
    "Places",
    "Span",
    "UnitOfWork",
    "UnitOfWorkFactory",
    "UtcDateTime",
    "accompany",
    "begins_with",
    "create_engine",
    "database_of",
    "earliest",
    "given_times",
    "ids_made_in",
    "in_background",
    "is_outage",
    "one_of",
]
