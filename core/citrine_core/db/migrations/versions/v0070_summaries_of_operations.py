"""Summaries of operations, which lists show."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0070"
down_revision = "0069"


def upgrade() -> None:
    """Add them. Lists make those of earlier operations from their definitions."""
    op.add_column("operations", sa.Column("summary", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Undo them."""
    op.drop_column("operations", "summary")
