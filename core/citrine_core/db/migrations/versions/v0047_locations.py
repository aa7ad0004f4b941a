"""Locations, and the EVSEs at them."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "locations",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("location_id", sa.String(36), nullable=False),
        sa.Column("publish", sa.Boolean(), nullable=False),
        sa.Column("country", sa.String(3), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        *_times(),
        _of_tenant("locations"),
        sa.PrimaryKeyConstraint("tenant_id", "location_id", name=op.f("pk_locations")),
    )
    op.create_index(
        op.f("ix_locations_tenant_id_country_location_id"), "locations", ["tenant_id", "country", "location_id"]
    )
    op.create_index(
        op.f("ix_locations_tenant_id_update_time_location_id"), "locations", ["tenant_id", "update_time", "location_id"]
    )
    op.create_table(
        "location_evses",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("location_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=True),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("public_key", sa.String(48), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("remove_time", sa.DateTime(timezone=True), nullable=True),
        *_times(),
        _of_tenant("location_evses"),
        sa.PrimaryKeyConstraint("tenant_id", "uid", name=op.f("pk_location_evses")),
    )
    for name in ("location_id", "station_id", "update_time"):
        op.create_index(op.f(f"ix_location_evses_tenant_id_{name}_uid"), "location_evses", ["tenant_id", name, "uid"])
    _unique("ix_location_evses_present", ["tenant_id", "station_id", "evse_id"], "station_id")
    _unique("ix_location_evses_public_id", ["tenant_id", "public_key"], "public_key")


def _times() -> list[sa.Column[object]]:
    return [
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f(f"fk_{table}_tenant_id_tenants"))


def _unique(name: str, columns: list[str], needed: str) -> None:
    where = sa.text(f"{needed} IS NOT NULL AND remove_time IS NULL")
    op.create_index(name, "location_evses", columns, unique=True, postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    """Undo them."""
    op.drop_table("location_evses")
    op.drop_table("locations")
