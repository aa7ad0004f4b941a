"""Tariffs, to whom and where they apply, and what transactions cost."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables of functional block I."""
    op.create_table(
        "tariffs",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("tariff_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "tariff_id", name=op.f("pk_tariffs")),
    )
    op.create_table(
        "tariff_versions",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("tariff_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "tariff_id", "version", name=op.f("pk_tariff_versions")),
    )
    op.create_table(
        "tariff_assignments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("assignment_id", sa.String(length=36), nullable=False),
        sa.Column("tariff_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.String(length=255), nullable=False),
        sa.Column("id_token", sa.String(length=255), nullable=False),
        sa.Column("id_token_lookup", sa.String(length=255), nullable=False),
        sa.Column("id_token_type", sa.String(length=20), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_assignments")),
        sa.UniqueConstraint("tenant_id", "assignment_id", name="uq_tariff_assignments_assignment_id"),
        sa.UniqueConstraint(
            "tenant_id",
            "id_token_lookup",
            "group_id",
            "station_id",
            "evse_id",
            "id_token_type",
            "tariff_id",
            name="uq_tariff_assignments_subject",
        ),
    )
    op.create_index("ix_tariff_assignments_tariff", "tariff_assignments", ["tenant_id", "tariff_id"])
    op.create_table(
        "transaction_costs",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.String(length=350), nullable=False),
        sa.Column("tariff_id", sa.String(length=36), nullable=True),
        sa.Column("tariff_version", sa.Integer(), nullable=True),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("before_tax", sa.String(length=40), nullable=True),
        sa.Column("after_tax", sa.String(length=40), nullable=True),
        sa.Column("accrual", sa.LargeBinary(), nullable=True),
        sa.Column("breakdown", sa.LargeBinary(), nullable=True),
        sa.Column("told_total", sa.String(length=40), nullable=True),
        sa.Column("next_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "transaction_id", name=op.f("pk_transaction_costs")),
    )
    op.create_index("ix_transaction_costs_sequence", "transaction_costs", ["tenant_id", "sequence"])
    op.create_index(
        "ix_transaction_costs_due",
        "transaction_costs",
        ["next_time"],
        sqlite_where=sa.text("next_time IS NOT NULL"),
        postgresql_where=sa.text("next_time IS NOT NULL"),
    )
    op.create_table(
        "cost_settings",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("running_cost", sa.SmallInteger(), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("price_messages", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_cost_settings")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("cost_settings")
    op.drop_index("ix_transaction_costs_due", table_name="transaction_costs")
    op.drop_index("ix_transaction_costs_sequence", table_name="transaction_costs")
    op.drop_table("transaction_costs")
    op.drop_index("ix_tariff_assignments_tariff", table_name="tariff_assignments")
    op.drop_table("tariff_assignments")
    op.drop_table("tariff_versions")
    op.drop_table("tariffs")
