"""Transactions whose stations do not stop them are throttled by a charging profile."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the table of throttles, and mark the profiles that are theirs."""
    op.create_table(
        "transaction_throttles",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("profile_id", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("send_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(length=255), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "transaction_id", name=op.f("pk_transaction_throttles")),
    )
    is_due = sa.text("due_time IS NOT NULL")
    op.create_index(
        "ix_transaction_throttles_due",
        "transaction_throttles",
        ["due_time"],
        unique=False,
        sqlite_where=is_due,
        postgresql_where=is_due,
    )
    op.add_column("charging_profiles", sa.Column("throttles", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("charging_profiles", "throttles")
    op.drop_index("ix_transaction_throttles_due", table_name="transaction_throttles")
    op.drop_table("transaction_throttles")
