"""Charging profiles, needs and limits."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0008"
down_revision = "0007"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_TABLES = (
    "charging_profiles",
    "charging_profile_queries",
    "charging_limits",
    "charging_capacities",
    "charging_negotiations",
)


def upgrade() -> None:
    """Create the tables."""
    _create_profiles()
    _create_queries()
    _create_limits()
    _create_capacities()
    _create_negotiations()


def downgrade() -> None:
    """Drop the tables."""
    for name in reversed(_TABLES):
        op.drop_table(name)


def _create_profiles() -> None:
    op.create_table(
        "charging_profiles",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("profile_id", sa.Integer(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("stack_level", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.String(36)),
        sa.Column("remote_start_id", sa.Integer()),
        sa.Column("valid_to", sa.DateTime(timezone=True)),
        sa.Column("profile", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(600), nullable=False),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("command_id", sa.String(36)),
        sa.Column("wanted_until", sa.DateTime(timezone=True)),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("report_time", sa.DateTime(timezone=True)),
        sa.Column("report_id", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_charging_profiles"),
    )
    _index("charging_profiles", "tenant_id", "id")
    _index("charging_profiles", "tenant_id", "station_id", "id")
    _index("charging_profiles", "tenant_id", "station_id", "profile_id")
    _index("charging_profiles", "state", "valid_to")


def _create_queries() -> None:
    op.create_table(
        "charging_profile_queries",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("request", sa.LargeBinary()),
        sa.Column("ask_time", sa.DateTime(timezone=True)),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "request_id", name="pk_charging_profile_queries"),
    )


def _create_limits() -> None:
    op.create_table(
        "charging_limits",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("set_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clear_time", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_charging_limits"),
    )
    _index("charging_limits", "tenant_id", "id")
    _index("charging_limits", "tenant_id", "station_id", "id")


def _create_capacities() -> None:
    op.create_table(
        "charging_capacities",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("max_power_w", sa.Double()),
        sa.Column("max_current_a", sa.Double()),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "evse_id", name="pk_charging_capacities"),
    )


def _create_negotiations() -> None:
    op.create_table(
        "charging_negotiations",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.String(36)),
        sa.Column("cause", sa.SmallInteger(), nullable=False),
        sa.Column("needs", sa.LargeBinary()),
        sa.Column("needs_status", sa.SmallInteger(), nullable=False),
        sa.Column("needs_energy_wh", sa.Double()),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(600), nullable=False),
        sa.Column("profile_id", sa.Integer()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ev_schedule", sa.LargeBinary()),
        sa.Column("ev_schedule_status", sa.SmallInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_charging_negotiations"),
    )
    _index("charging_negotiations", "tenant_id", "id")
    _index("charging_negotiations", "tenant_id", "station_id", "id")
    _index("charging_negotiations", "state", "due_time")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))
