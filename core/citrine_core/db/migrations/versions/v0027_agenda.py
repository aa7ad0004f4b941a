"""Leases of cores, and indexes that hold only what jobs wait for."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0027"
down_revision = "0026"

_UNFINISHED = "finish_time IS NULL"

_INDEXES: Mapping[str, tuple[str, list[str], str]] = {
    "ix_commands_waiting": ("commands", ["tenant_id", "station_id"], _UNFINISHED),
    "ix_commands_expiring": ("commands", ["expire_time"], _UNFINISHED),
    "ix_commands_under_way": ("commands", ["deadline_time"], _UNFINISHED),
    "ix_report_runs_open": ("report_runs", ["active_time"], _UNFINISHED),
    "ix_display_messages_of_transaction": (
        "display_messages",
        ["create_time"],
        "state = 2 AND transaction_id <> ''",
    ),
}


def upgrade() -> None:
    """Add the table and the indexes; drop one that they replace."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("core_id", sa.String(length=36), nullable=False),
        sa.Column("renew_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    for name, (table, columns, condition) in _INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    op.drop_index("ix_commands_state_expire_time", table_name="commands")


def downgrade() -> None:
    """Undo it."""
    op.create_index("ix_commands_state_expire_time", "commands", ["state", "expire_time"])
    for name, (table, *_) in _INDEXES.items():
        op.drop_index(name, table_name=table)
    op.drop_table("leases")
