"""Messages that were refused."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Create the tables of refusals and tolerance rules, and count the refused parts of reports."""
    op.create_table(
        "refusals",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("outcome", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("action", sa.String(length=70), nullable=False),
        sa.Column("event_type", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("rule_id", sa.String(length=50), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_frame", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            *("tenant_id", "station_id", "outcome", "action", "event_type", "code", "path", "rule_id"),
            name=op.f("pk_refusals"),
        ),
    )
    op.create_index(op.f("ix_refusals_tenant_id_last_time"), "refusals", ["tenant_id", "last_time"])
    op.create_index(op.f("ix_refusals_last_time"), "refusals", ["last_time"])
    op.create_table(
        "tolerance_rules",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("rule_id", sa.String(length=50), nullable=False),
        sa.Column("vendor_name", sa.String(length=50), nullable=False),
        sa.Column("model", sa.String(length=20), nullable=False),
        sa.Column("actions", sa.Text(), nullable=False),
        sa.Column("kinds", sa.String(length=50), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("last_use_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "rule_id", name=op.f("pk_tolerance_rules")),
    )
    op.add_column("report_runs", sa.Column("refused_parts", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("report_runs", "refused_parts")
    for table in ("tolerance_rules", "refusals"):
        op.drop_table(table)
