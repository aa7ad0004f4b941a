"""Stations that were not let in can be looked up."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Create the table. What was refused before is known from the events alone."""
    op.create_table(
        "handshake_refusals",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("unknown_tenant_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("remote_address", sa.String(length=100), nullable=False),
        sa.Column("offered", sa.String(length=100), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("first_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "unknown_tenant_id", name=op.f("pk_handshake_refusals")),
    )
    op.create_index(op.f("ix_handshake_refusals_tenant_id_last_time"), "handshake_refusals", ["tenant_id", "last_time"])
    op.create_index(op.f("ix_handshake_refusals_last_time"), "handshake_refusals", ["last_time"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("handshake_refusals")
