"""Whose the tokens of transactions were."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0074"
down_revision = "0073"


def upgrade() -> None:
    """Add it. Of transactions from before, it is looked up when they are charged."""
    op.add_column("transactions", sa.Column("token_owner", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("transactions", "token_owner")
