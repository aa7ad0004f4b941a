"""What the register model remembers of a transaction."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add what is remembered of transactions whose readings are doubtful; of the others, nothing is."""
    op.add_column("transactions", sa.Column("register_state", sa.LargeBinary(), nullable=True))
    op.add_column("transactions", sa.Column("anomalies", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("transactions", "anomalies")
    op.drop_column("transactions", "register_state")
