"""How many stations a tenant may have."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Add the column."""
    op.add_column("tenants", sa.Column("max_stations", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("tenants", "max_stations")
