"""Upgrades of stations to a higher security profile."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0037"
down_revision = "0036"

_NAME = "security_profile_upgrades"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        _NAME,
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("upgrade_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("security_profile", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("previous_priority", sa.String(length=255), nullable=False),
        sa.Column("is_prioritized", sa.Boolean(), nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reset_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finish_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "upgrade_id", name=op.f("pk_security_profile_upgrades")),
    )
    op.create_index(op.f("ix_security_profile_upgrades_tenant_id_station_id"), _NAME, ["tenant_id", "station_id"])
    where = sa.text("next_time IS NOT NULL")
    op.create_index(
        "ix_security_profile_upgrades_due", _NAME, ["next_time"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table(_NAME)
