"""Charging states that arrive before their transactions."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "early_charging_states",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("charging_state", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id",
            "station_id",
            "evse_id",
            "status_time",
            "charging_state",
            name=op.f("pk_early_charging_states"),
        ),
    )
    op.create_index(op.f("ix_early_charging_states_receive_time"), "early_charging_states", ["receive_time"])


def downgrade() -> None:
    """Undo it."""
    op.drop_table("early_charging_states")
