"""Indexes of lists of connections by version and by being open, and of local lists by version and time."""

from alembic import op

from citrine_core.db.migrations.indexes import create_index

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0078"
down_revision = "0077"

INDEXES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("connection_records", "version", ("ocpp_version", "open_time", "station_id", "epoch"), ""),
    ("connection_records", "open_since", ("open_time", "station_id", "epoch"), "close_time IS NULL"),
    ("local_lists", "version", ("version", "station_id"), ""),
    ("local_lists", "confirmed", ("confirm_time", "station_id"), ""),
)
"""Table, end of the name, columns behind the tenant, and condition of each index."""


def upgrade() -> None:
    """Add them."""
    for table, name, columns, where in INDEXES:
        create_index(f"ix_{table}_{name}", table, ["tenant_id", *columns], where)


def downgrade() -> None:
    """Undo them."""
    for table, name, _, _ in INDEXES:
        op.drop_index(f"ix_{table}_{name}", table)
