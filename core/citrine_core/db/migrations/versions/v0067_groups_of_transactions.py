"""Groups of the tokens of transactions."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0067"
down_revision = "0066"


def upgrade() -> None:
    """Add them. Of transactions from before, events say none until they are folded anew."""
    op.add_column("transactions", sa.Column("group_id", sa.String(length=255), nullable=True))


def downgrade() -> None:
    """Undo them."""
    op.drop_column("transactions", "group_id")
