"""Transactions say when their events are to be folded anew."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Add the column. All events of before were folded when they came."""
    op.add_column("transactions", sa.Column("refold_due_time", sa.DateTime(timezone=True), nullable=True))
    is_due = sa.text("refold_due_time IS NOT NULL")
    op.create_index(
        "ix_transactions_refold_due",
        "transactions",
        ["refold_due_time"],
        sqlite_where=is_due,
        postgresql_where=is_due,
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_index("ix_transactions_refold_due", table_name="transactions")
    op.drop_column("transactions", "refold_due_time")
