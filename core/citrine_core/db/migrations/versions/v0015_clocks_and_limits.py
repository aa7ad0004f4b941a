"""Clocks of stations and limits of transactions."""

from typing import Any

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0015"
down_revision = "0014"

_LIMITED = ("tokens", "remote_starts")

_COLUMNS: tuple[tuple[str, str, Any], ...] = (
    ("stations", "clock_skew_ms", sa.BigInteger()),
    ("stations", "clock_skew_time", sa.DateTime(timezone=True)),
    ("transactions", "clock_skew_ms", sa.BigInteger()),
    ("tokens", "status_time", sa.DateTime(timezone=True)),
    ("tokens", "prepaid", sa.String(length=30)),
    ("tokens", "prepaid_since", sa.DateTime(timezone=True)),
    *((table, "max_cost", sa.String(length=30)) for table in _LIMITED),
    *((table, "max_energy_wh", sa.Double()) for table in _LIMITED),
    *((table, "max_seconds", sa.BigInteger()) for table in _LIMITED),
)


def upgrade() -> None:
    """Add the columns of clocks and limits, and the table of limits."""
    for table, name, kind in _COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    op.add_column("stations", sa.Column("clock_is_off", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("transactions", sa.Column("limit_untold", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(
        "authorization_settings", sa.Column("lost_authorization", sa.Integer(), server_default="0", nullable=False)
    )
    op.create_table(
        "transaction_limits",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("prepaid", sa.Boolean(), nullable=False),
        sa.Column("watches_token", sa.Boolean(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.Column("reach_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(length=255), nullable=False),
        sa.Column("set_by", sa.String(length=255), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("max_cost", sa.String(length=30), nullable=True),
        sa.Column("max_energy_wh", sa.Double(), nullable=True),
        sa.Column("max_seconds", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "transaction_id", name=op.f("pk_transaction_limits")),
    )
    op.create_index(
        "ix_transaction_limits_due",
        "transaction_limits",
        ["due_time"],
        unique=False,
        sqlite_where=sa.text("due_time IS NOT NULL"),
        postgresql_where=sa.text("due_time IS NOT NULL"),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("transaction_limits")
    columns = [
        ("authorization_settings", "lost_authorization"),
        ("transactions", "limit_untold"),
        ("stations", "clock_is_off"),
        *((table, name) for table, name, _ in reversed(_COLUMNS)),
    ]
    for table, name in columns:
        with op.batch_alter_table(table) as batch:
            batch.drop_column(name)
