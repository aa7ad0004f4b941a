"""Zones of tariffs that name none: those of the locations of stations."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    """Add the column. What is billed already goes on by UTC."""
    op.add_column("transaction_costs", sa.Column("time_zone", sa.String(64), nullable=True))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("transaction_costs", "time_zone")
