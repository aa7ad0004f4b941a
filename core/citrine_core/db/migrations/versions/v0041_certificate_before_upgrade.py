"""Upgrades of security profiles that wait for a certificate know what to send once it is there."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("security_profile_upgrades", sa.Column("connection_data", sa.LargeBinary(), nullable=True))
    op.add_column(
        "security_profile_upgrades",
        sa.Column("resets_immediately", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Undo them."""
    op.drop_column("security_profile_upgrades", "resets_immediately")
    op.drop_column("security_profile_upgrades", "connection_data")
