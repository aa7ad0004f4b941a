"""Configurations of stations, and availability."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0003"
down_revision = "0002"

_TABLES = (
    "configurations",
    "configuration_selectors",
    "provisionings",
    "resets",
    "network_profiles",
    "availabilities",
)

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add configurations, resets, network profiles, wanted availability; let tenants hold unknown stations."""
    op.add_column("stations", sa.Column("configuration_id", sa.String(length=50), nullable=True))
    op.add_column("stations", sa.Column("held_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tenants", sa.Column("unknown_stations", sa.Integer(), server_default="1", nullable=False))
    op.add_column("tenants", sa.Column("max_held_stations", sa.Integer(), server_default="100", nullable=False))
    _create_configurations()
    _create_provisionings()
    _create_resets()
    _create_network_profiles()
    _create_availabilities()


def downgrade() -> None:
    """Drop what was added."""
    for table in reversed(_TABLES):
        op.drop_table(table)
    for table, column in (
        ("tenants", "max_held_stations"),
        ("tenants", "unknown_stations"),
        ("stations", "held_time"),
        ("stations", "configuration_id"),
    ):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)


def _create_configurations() -> None:
    op.create_table(
        "configurations",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("configuration_id", sa.String(length=50), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_configurations_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "configuration_id", name=op.f("pk_configurations")),
    )
    op.create_table(
        "configuration_selectors",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("vendor", sa.String(length=50), nullable=False),
        sa.Column("model", sa.String(length=20), nullable=False),
        sa.Column("configuration_id", sa.String(length=50), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "vendor", "model", name=op.f("pk_configuration_selectors")),
    )
    op.create_index(
        op.f("ix_configuration_selectors_tenant_id_configuration_id"),
        "configuration_selectors",
        ["tenant_id", "configuration_id"],
    )


def _create_provisionings() -> None:
    op.create_table(
        "provisionings",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("configuration_id", sa.String(length=50), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("next_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("report_request_id", sa.Integer(), nullable=True),
        sa.Column("may_reset", sa.Boolean(), nullable=False),
        sa.Column("everything", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(length=255), nullable=False),
        sa.Column("results", sa.LargeBinary(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finish_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", name=op.f("pk_provisionings")),
    )
    op.create_index(op.f("ix_provisionings_next_time"), "provisionings", ["next_time"])


def _create_resets() -> None:
    op.create_table(
        "resets",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("problem", sa.String(length=255), nullable=False),
        sa.Column("command_id", sa.String(length=36), nullable=False),
        sa.Column("answer_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("boot_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resets")),
    )
    op.create_index(op.f("ix_resets_tenant_id_station_id_id"), "resets", ["tenant_id", "station_id", "id"])


def _create_network_profiles() -> None:
    op.create_table(
        "network_profiles",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("profile", sa.LargeBinary(), nullable=True),
        sa.Column("set_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_profile", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=255), nullable=False),
        sa.Column("answer_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "slot", name=op.f("pk_network_profiles")),
    )


def _create_availabilities() -> None:
    op.create_table(
        "availabilities",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("connector_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Integer(), nullable=True),
        sa.Column("problem", sa.String(length=255), nullable=False),
        sa.Column("command_id", sa.String(length=36), nullable=False),
        sa.Column("answer_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "evse_id", "connector_id", name=op.f("pk_availabilities")),
    )
