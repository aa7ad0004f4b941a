"""Operations on many stations."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0063"
down_revision = "0062"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "operations",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("operation_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("state_reason", sa.String(length=255), nullable=False),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("secret_action", sa.Text(), nullable=True),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("max_parallel", sa.Integer(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("station_count", sa.Integer(), nullable=False),
        sa.Column("final_counts", sa.Text(), nullable=True),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("caller_id", sa.String(length=255), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finish_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "operation_id", name=op.f("pk_operations")),
    )
    for columns in (
        ["tenant_id", "create_time", "operation_id"],
        ["tenant_id", "state", "create_time", "operation_id"],
        ["state"],
        ["finish_time"],
    ):
        op.create_index(f"ix_operations_{'_'.join(columns)}", "operations", columns)
    op.create_table(
        "operation_stations",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("operation_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=50), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("command_id", sa.String(length=36), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alive_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "operation_id", "station_id", name=op.f("pk_operation_stations")),
    )
    for columns in (["tenant_id", "operation_id", "state", "station_id"], ["tenant_id", "station_id"]):
        op.create_index(f"ix_operation_stations_{'_'.join(columns)}", "operation_stations", columns)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("operation_stations")
    op.drop_table("operations")
