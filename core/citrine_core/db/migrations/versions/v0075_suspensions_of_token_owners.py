"""Suspensions of the parties that tokens belong to."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0075"
down_revision = "0074"


def upgrade() -> None:
    """Add them: there are none. A core of before does not know of them, and decides by the tokens alone."""
    op.create_table(
        "token_owner_suspensions",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("suspend_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "country_code", "party_id", "reason", name="pk_token_owner_suspensions"),
    )


def downgrade() -> None:
    """Undo them: tokens of suspended parties are decided on by what they say."""
    op.drop_table("token_owner_suspensions")
