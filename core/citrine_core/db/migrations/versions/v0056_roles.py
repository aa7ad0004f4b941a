"""Keys have roles."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    """Add the column. Keys that there are have none, and their scopes stay."""
    op.add_column("api_keys", sa.Column("roles", sa.Text(), nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    """Undo it. What a key may do by a role, it may do no more."""
    op.drop_column("api_keys", "roles")
