"""Connections of before by their edge, data transfers by the id of their message."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0055"
down_revision = "0054"

_INDEXES = {
    "connection_records": ["tenant_id", "edge_id", "open_time", "station_id", "epoch"],
    "data_transfers": ["tenant_id", "message_id", "id"],
}


def upgrade() -> None:
    """Make an index for each."""
    for table, columns in _INDEXES.items():
        op.create_index(_name(table, columns), table, columns)


def downgrade() -> None:
    """Drop them."""
    for table, columns in _INDEXES.items():
        op.drop_index(_name(table, columns), table)


def _name(table: str, columns: list[str]) -> sa.sql.elements.conv:
    return op.f(f"ix_{table}_{'_'.join(columns)}")
