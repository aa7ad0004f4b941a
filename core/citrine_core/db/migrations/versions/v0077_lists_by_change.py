"""Stations, assignments, configurations, operations, remote starts and alerts are listed by their last change."""

import sqlalchemy as sa
from alembic import op

from citrine_core.db.migrations.indexes import create_index

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0077"
down_revision = "0076"

NEVER = sa.text("'1970-01-01 00:00:00'")
"""Default of the time of the last change."""

COLUMNS = ("stations", "tariff_assignments")
"""Tables that had no time of the last change."""

INDEXES: tuple[tuple[str, list[str]], ...] = (
    ("stations", ["station_id"]),
    ("tariff_assignments", ["id"]),
    ("configurations", ["configuration_id"]),
    ("operations", ["operation_id"]),
    ("remote_starts", ["station_id", "remote_start_id"]),
    (
        "alerts",
        [
            *("station_id", "component", "component_instance", "evse_id", "connector_id"),
            *("variable", "variable_instance", "monitor_id"),
        ],
    ),
)
"""Tables, and their keys behind the time."""


def upgrade() -> None:
    """Add them. What had no such time changed with the upgrade, so that whoever asks from before it learns of all."""
    for table in COLUMNS:
        _add_update_time(table)
    for table, key in INDEXES:
        create_index(f"ix_{table}_changed", table, ["tenant_id", "update_time", *key])


def _add_update_time(table: str) -> None:
    column = sa.Column("update_time", sa.DateTime(timezone=True), server_default=NEVER, nullable=False)
    if op.get_bind().dialect.name == "postgresql":
        # A default that the column begins with is written into no row, whatever their number.
        column.server_default = sa.DefaultClause(sa.text("CURRENT_TIMESTAMP"))
        op.add_column(table, column)
        op.alter_column(table, "update_time", server_default=NEVER)
    else:
        op.add_column(table, column)
        op.execute(f"UPDATE {table} SET update_time = strftime('%Y-%m-%d %H:%M:%f000', 'now')")


def downgrade() -> None:
    """Undo them."""
    for table, _ in INDEXES:
        op.drop_index(f"ix_{table}_changed", table)
    for table in COLUMNS:
        op.drop_column(table, "update_time")
