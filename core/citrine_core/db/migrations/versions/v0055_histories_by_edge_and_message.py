"""Connections of before by their edge, data transfers by the id of their message."""

from alembic import op

from citrine_core.db.migrations.indexes import create_index

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0055"
down_revision = "0054"

_INDEXES = {
    "ix_connection_records_edge": ("connection_records", ["tenant_id", "edge_id", "open_time", "station_id", "epoch"]),
    "ix_data_transfers_tenant_id_message_id_id": ("data_transfers", ["tenant_id", "message_id", "id"]),
}


def upgrade() -> None:
    """Make an index for each."""
    for name, (table, columns) in _INDEXES.items():
        create_index(name, table, columns)


def downgrade() -> None:
    """Drop them."""
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
