"""Reservations, display messages, and messages with custom data."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0006"
down_revision = "0005"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create their tables."""
    _create_reservations()
    _create_display_messages()
    _create_custom_messages()


def downgrade() -> None:
    """Drop them."""
    op.drop_table("custom_messages")
    op.drop_table("display_messages")
    op.drop_table("reservations")


def _create_reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("reservation_id", sa.Integer(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("id_token_lookup", sa.String(255), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("state_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.String(1000), nullable=False),
        sa.Column("transaction_id", sa.String(36), nullable=False),
        sa.Column("status_update", sa.LargeBinary(), nullable=True),
        sa.Column("clean_up_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reservations"),
    )
    _index("reservations", "tenant_id", "id")
    _index("reservations", "tenant_id", "station_id", "reservation_id")
    _index("reservations", "tenant_id", "station_id", "state")
    _index("reservations", "tenant_id", "id_token_lookup")
    _index("reservations", "state", "expire_time")
    _partial("uq_reservations_active", "reservations", "state = 2", "tenant_id", "station_id", "reservation_id")
    doubtful = "clean_up_time IS NOT NULL"
    _partial("ix_reservations_doubtful", "reservations", doubtful, "clean_up_time", unique=False)


def _create_display_messages() -> None:
    op.create_table(
        "display_messages",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("shown_in", sa.SmallInteger(), nullable=True),
        sa.Column("transaction_id", sa.String(36), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("state_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_doubtful", sa.Boolean(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("detail", sa.String(1000), nullable=False),
        sa.Column("deadline_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("awaited_request_id", sa.Integer(), nullable=True),
        sa.Column("report_request_id", sa.Integer(), nullable=True),
        sa.Column("report_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_display_messages"),
    )
    _index("display_messages", "tenant_id", "id")
    _index("display_messages", "tenant_id", "station_id", "message_id")
    _index("display_messages", "tenant_id", "transaction_id")
    _index("display_messages", "state", "end_time")
    _partial("uq_display_messages_set", "display_messages", "state = 2", "tenant_id", "station_id", "message_id")


def _create_custom_messages() -> None:
    op.create_table(
        "custom_messages",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("content_key", sa.String(32), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_custom_messages"),
        sa.UniqueConstraint(
            "tenant_id",
            "station_id",
            "action",
            "content_key",
            name="uq_custom_messages_tenant_id_station_id_action_content_key",
        ),
    )
    _index("custom_messages", "tenant_id", "id")
    _index("custom_messages", "tenant_id", "station_id", "id")
    _index("custom_messages", "receive_time")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def _partial(name: str, table: str, where: str, *columns: str, unique: bool = True) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
