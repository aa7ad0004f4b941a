"""Charge records that could not be made are tried again later."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    """Add the column. What is due is due at once."""
    op.add_column("due_charge_records", sa.Column("due_time", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("due_charge_records", "due_time")
