"""Charge records: what is billed of each settled transaction."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0052"
down_revision = "0051"


def upgrade() -> None:
    """Add the tables. The records of transactions that are settled already are made by a job, part by part."""
    _create_records()
    op.create_table(
        "charge_record_heads",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_charge_record_heads")),
    )
    op.create_table(
        "due_charge_records",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("transaction_id", sa.String(36), nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_due_charge_records")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "charge_record_backfills",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("transaction_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge_record_backfills")),
    )
    op.execute(
        "INSERT INTO charge_record_backfills (id, due_time, tenant_id, station_id, transaction_id) "
        "SELECT 1, CURRENT_TIMESTAMP, '', '', '' WHERE EXISTS (SELECT 1 FROM transactions)"
    )


def _create_records() -> None:
    op.create_table(
        "charge_records",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("change", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("transaction_id", sa.String(36), nullable=False),
        sa.Column("id_token_lookup", sa.String(255), nullable=True),
        sa.Column("correction", sa.Integer(), nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "change", name=op.f("pk_charge_records")),
        sa.UniqueConstraint(
            "tenant_id", "transaction_id", "station_id", "revision", name="uq_charge_records_transaction"
        ),
        sa.UniqueConstraint("tenant_id", "record_id", "revision", name="uq_charge_records_revision"),
    )
    for name, column in (
        ("station", "station_id"),
        ("token", "id_token_lookup"),
        ("created", "create_time"),
        ("ended", "end_time"),
    ):
        op.create_index(f"ix_charge_records_{name}", "charge_records", ["tenant_id", column, "change"])


def downgrade() -> None:
    """Undo them."""
    op.drop_table("charge_record_backfills")
    op.drop_table("due_charge_records")
    op.drop_table("charge_record_heads")
    op.drop_table("charge_records")
