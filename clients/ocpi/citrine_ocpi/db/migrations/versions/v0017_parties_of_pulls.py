"""Whose tokens were read of the list of a partner."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.add_column("token_pulls", sa.Column("parties", sa.Text(), server_default=sa.text("''"), nullable=False))


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("token_pulls", "parties")
