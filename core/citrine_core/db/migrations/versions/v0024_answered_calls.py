"""Calls that an edge sends again are recognised by how it names them; commands know the trace of who asked for them."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0024"
down_revision = "0022"


def upgrade() -> None:
    """Add the table of the newest call of each station, and the column of commands."""
    op.create_table(
        "answered_calls",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("call_id", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", name=op.f("pk_answered_calls")),
    )
    op.add_column("commands", sa.Column("traceparent", sa.String(length=55), nullable=True))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("commands", "traceparent")
    op.drop_table("answered_calls")
