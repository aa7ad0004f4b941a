"""Firmware updates and campaigns."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0009"
down_revision = "0008"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_TABLES = (
    "firmware_updates",
    "firmware_publications",
    "firmware_statuses",
    "firmware_campaigns",
    "firmware_campaign_stations",
)


def upgrade() -> None:
    """Create the tables of functional block L."""
    _create_firmware_updates()
    _create_firmware_publications()
    _create_firmware_statuses()
    _create_firmware_campaigns()
    _create_firmware_campaign_stations()


def downgrade() -> None:
    """Drop them."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_firmware_updates() -> None:
    op.create_table(
        "firmware_updates",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=False),
        sa.Column("status_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=True),
        sa.Column("firmware_version", sa.String(length=50), nullable=False),
        sa.Column("version_before", sa.String(length=50), nullable=False),
        sa.Column("version_after", sa.String(length=50), nullable=False),
        sa.Column("boot_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("awaits_boot", sa.Boolean(), nullable=False),
        sa.Column("silence", sa.Integer(), nullable=True),
        sa.Column("campaign_id", sa.String(length=36), nullable=True),
        sa.Column("command_id", sa.String(length=36), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("superseded_by", sa.Integer(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finish_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "request_id", name=op.f("pk_firmware_updates")),
    )
    op.create_index(op.f("ix_firmware_updates_deadline_time"), "firmware_updates", ["deadline_time"])
    op.create_index(
        op.f("ix_firmware_updates_tenant_id_campaign_id_station_id"),
        "firmware_updates",
        ["tenant_id", "campaign_id", "station_id"],
    )
    op.create_index(op.f("ix_firmware_updates_tenant_id_create_time"), "firmware_updates", ["tenant_id", "create_time"])


def _create_firmware_publications() -> None:
    op.create_table(
        "firmware_publications",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=True),
        sa.Column("checksum", sa.String(length=32), nullable=False),
        sa.Column("published", sa.LargeBinary(), nullable=True),
        sa.Column("command_id", sa.String(length=36), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finish_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "request_id", name=op.f("pk_firmware_publications")),
    )
    op.create_index(op.f("ix_firmware_publications_deadline_time"), "firmware_publications", ["deadline_time"])
    op.create_index(
        op.f("ix_firmware_publications_tenant_id_create_time"), "firmware_publications", ["tenant_id", "create_time"]
    )


def _create_firmware_statuses() -> None:
    op.create_table(
        "firmware_statuses",
        sa.Column("id", _BIG_ID, nullable=False, autoincrement=True),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_firmware_statuses")),
    )
    op.create_index(
        op.f("ix_firmware_statuses_tenant_id_station_id_kind_request_id_id"),
        "firmware_statuses",
        ["tenant_id", "station_id", "kind", "request_id", "id"],
    )


def _create_firmware_campaigns() -> None:
    op.create_table(
        "firmware_campaigns",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("max_parallel", sa.Integer(), nullable=False),
        sa.Column("max_failures", sa.Integer(), nullable=True),
        sa.Column("max_failure_percent", sa.Float(), nullable=True),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("attempt_delay", sa.Integer(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("forgiven", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finish_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", name=op.f("pk_firmware_campaigns")),
    )
    op.create_index(op.f("ix_firmware_campaigns_state"), "firmware_campaigns", ["state"])
    op.create_index(
        op.f("ix_firmware_campaigns_tenant_id_create_time"), "firmware_campaigns", ["tenant_id", "create_time"]
    )


def _create_firmware_campaign_stations() -> None:
    op.create_table(
        "firmware_campaign_stations",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "station_id", name=op.f("pk_firmware_campaign_stations")),
    )
    op.create_index(
        op.f("ix_firmware_campaign_stations_tenant_id_campaign_id_state"),
        "firmware_campaign_stations",
        ["tenant_id", "campaign_id", "state"],
    )
    op.create_index(
        op.f("ix_firmware_campaign_stations_tenant_id_station_id"),
        "firmware_campaign_stations",
        ["tenant_id", "station_id"],
    )
