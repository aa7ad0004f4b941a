"""References of callers, with the transactions that they had started and the charge records of these."""

import sqlalchemy as sa
from alembic import op

from citrine_core.db.migrations.indexes import create_index

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0064"
down_revision = "0063"

_TABLES = ("remote_starts", "transactions", "charge_records")
_INDEXES = {
    "ix_transactions_reference": ("transactions", ["tenant_id", "reference", "sequence"]),
    "ix_charge_records_reference": ("charge_records", ["tenant_id", "reference", "change"]),
}


def upgrade() -> None:
    """Add them. What began before has none."""
    for table in _TABLES:
        op.add_column(table, sa.Column("reference", sa.String(length=64), nullable=True))
    for name, (table, columns) in _INDEXES.items():
        create_index(name, table, columns, where="reference IS NOT NULL")


def downgrade() -> None:
    """Undo them."""
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
    for table in reversed(_TABLES):
        op.drop_column(table, "reference")
