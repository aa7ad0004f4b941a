"""Tolerance rules for a firmware, and what rules refused messages would need."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Add the columns."""
    op.add_column(
        "tolerance_rules", sa.Column("firmware_version", sa.String(50), nullable=False, server_default=sa.text("''"))
    )
    op.add_column("refusals", sa.Column("remedies", sa.String(50), nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    """Undo them."""
    op.drop_column("refusals", "remedies")
    op.drop_column("tolerance_rules", "firmware_version")
