"""Edges have names: those that may link, and whose process is whose."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Add the table, and the name of each edge process; those of before have none."""
    op.create_table(
        "named_edges",
        sa.Column("edge_name", sa.String(length=64), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoke_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("edge_name", name=op.f("pk_named_edges")),
    )
    op.add_column("edges", sa.Column("edge_name", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("edges", "edge_name")
    op.drop_table("named_edges")
