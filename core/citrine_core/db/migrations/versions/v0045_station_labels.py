"""Labels, groups and locations of stations."""

import sqlalchemy as sa
from alembic import op

from citrine_core.db.migrations.indexes import create_index

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("stations", sa.Column("location_id", sa.String(36), nullable=True))
    columns = ["tenant_id", "location_id", "station_id"]
    create_index("ix_stations_location", "stations", columns, "location_id IS NOT NULL")
    op.create_table(
        "station_labels",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("label_key", sa.String(63), nullable=False),
        sa.Column("label_value", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "label_key", name=op.f("pk_station_labels")),
    )
    op.create_index(
        op.f("ix_station_labels_tenant_id_label_key_label_value_station_id"),
        "station_labels",
        ["tenant_id", "label_key", "label_value", "station_id"],
    )
    op.create_table(
        "station_groups",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("group_name", sa.String(63), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "group_name", name=op.f("pk_station_groups")),
    )
    op.create_index(
        op.f("ix_station_groups_tenant_id_group_name_station_id"),
        "station_groups",
        ["tenant_id", "group_name", "station_id"],
    )


def downgrade() -> None:
    """Undo them."""
    op.drop_table("station_groups")
    op.drop_table("station_labels")
    op.drop_index("ix_stations_location", "stations")
    op.drop_column("stations", "location_id")
