"""An index of transactions by the time at which they began."""

from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Add the index."""
    columns = ["tenant_id", "start_time", "station_id", "transaction_id"]
    op.create_index("ix_transactions_started", "transactions", columns)


def downgrade() -> None:
    """Undo it."""
    op.drop_index("ix_transactions_started", table_name="transactions")
