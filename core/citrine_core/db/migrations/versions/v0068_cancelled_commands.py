"""Commands that somebody cancelled, apart from those that a core withdrew as it stopped."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0068"
down_revision = "0067"


def upgrade() -> None:
    """Add the time. No row is touched; of commands that were cancelled before it is not known."""
    op.add_column("commands", sa.Column("cancel_time", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("commands", "cancel_time")
