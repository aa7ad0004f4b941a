"""Indexes of tables that may be large, for migrations: on PostgreSQL they are built behind the upgrade's transaction.

A table can't be written while an index is built within a transaction. So migrations leave indexes of tables with rows
to `citrine_core.db.late_indexes`, which builds them while cores go on writing (ADR 46).
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op

from citrine_core.db.databases import database_of

__all__ = ["LATE", "SUPERSEDED", "create_index", "drop_superseded", "is_late"]

LATE = "is_late"
"""Attribute of Alembic's configuration: whether something builds what is left to it, once the migrations are done."""

SUPERSEDED = (
    *("ix_tokens_tenant_id_group_id", "ix_transaction_costs_sequence", "ix_tariff_assignments_tariff"),
    "ix_security_profile_upgrades_tenant_id_station_id",
)
"""Indexes that are dropped once those that replace them are built."""


def is_late(table: str) -> bool:
    """Return whether what takes long with a table is left for later: on PostgreSQL, if it has rows."""
    connection = op.get_bind()
    if not context.config.attributes.get(LATE) or not database_of(connection).builds_indexes_late:
        return False
    return bool(connection.scalar(sa.text(f"SELECT EXISTS (SELECT 1 FROM {table})")))


def create_index(name: str, table: str, columns: Sequence[str | sa.TextClause], where: str = "") -> None:
    """Create an index that a model declares, unless it is left for later.

    Args:
        name: Of the index.
        table: Its table.
        columns: Their names, or expressions of them.
        where: Condition of the rows that it has; empty: all.
    """
    if not is_late(table):
        condition = sa.text(where) if where else None
        op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)


def drop_superseded(name: str, table: str) -> None:
    """Drop an index of SUPERSEDED, unless those that replace it are left for later."""
    if not is_late(table):
        op.drop_index(name, table)
