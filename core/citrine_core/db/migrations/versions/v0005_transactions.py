"""How transactions begin and end, what stations are asked about them, and requests to start them."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0005"
down_revision = "0004"

_OPEN = "end_time IS NULL AND closed_time IS NULL"

_COLUMNS = (
    ("start_trigger", sa.SmallInteger()),
    ("end_trigger", sa.SmallInteger()),
    ("stop_id_token", sa.String(length=255)),
    ("stop_id_token_type", sa.String(length=20)),
    ("closed_time", sa.DateTime(timezone=True)),
    ("time_spent_charging", sa.Integer()),
    ("number_of_phases_used", sa.Integer()),
    ("cable_max_current", sa.Integer()),
)


def upgrade() -> None:
    """Add the columns of transactions, and the tables."""
    for name, kind in _COLUMNS:
        op.add_column("transactions", sa.Column(name, kind, nullable=True))
    _index_open(_OPEN)
    op.create_table(
        "transaction_checks",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.Column("asks", sa.Integer(), nullable=False),
        sa.Column("ask_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ongoing", sa.Boolean(), nullable=True),
        sa.Column("messages_in_queue", sa.Boolean(), nullable=True),
        sa.Column("problem", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "transaction_id", name=op.f("pk_transaction_checks")),
    )
    op.create_index(
        "ix_transaction_checks_due",
        "transaction_checks",
        ["due_time"],
        unique=False,
        sqlite_where=sa.text("due_time IS NOT NULL"),
        postgresql_where=sa.text("due_time IS NOT NULL"),
    )
    op.create_table(
        "remote_starts",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("remote_start_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("id_token", sa.String(length=255), nullable=False),
        sa.Column("id_token_type", sa.String(length=20), nullable=False),
        sa.Column("group_id_token", sa.String(length=255), nullable=True),
        sa.Column("group_id_token_type", sa.String(length=20), nullable=True),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("charging_profile_id", sa.Integer(), nullable=True),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("command_id", sa.String(length=36), nullable=False),
        sa.Column("problem", sa.String(length=255), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "remote_start_id", name=op.f("pk_remote_starts")),
    )
    op.create_index(
        op.f("ix_remote_starts_tenant_id_create_time"), "remote_starts", ["tenant_id", "create_time"], unique=False
    )


def downgrade() -> None:
    """Remove what was added."""
    op.drop_table("remote_starts")
    op.drop_table("transaction_checks")
    _index_open("end_time IS NULL")
    for name, _ in reversed(_COLUMNS):
        op.drop_column("transactions", name)


def _index_open(condition: str) -> None:
    op.drop_index("ix_transactions_open", table_name="transactions")
    op.create_index(
        "ix_transactions_open",
        "transactions",
        ["tenant_id", "station_id", "sequence"],
        unique=False,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )
