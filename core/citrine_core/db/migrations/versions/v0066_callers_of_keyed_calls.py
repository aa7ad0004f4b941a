"""Callers of calls with idempotency keys."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0066"
down_revision = "0065"


def upgrade() -> None:
    """Add them. Of what was called before they are not known, and nobody gets its answer again."""
    op.add_column("idempotency_keys", sa.Column("caller_id", sa.String(length=255), nullable=True))


def downgrade() -> None:
    """Undo them."""
    op.drop_column("idempotency_keys", "caller_id")
