"""Indexes of the orders in which stations are listed."""

from alembic import op

from citrine_core.db.migrations.indexes import create_index

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0071"
down_revision = "0070"


def upgrade() -> None:
    """Add them."""
    create_index("ix_stations_vendor_and_model", "stations", ["tenant_id", "vendor_name", "model", "station_id"])
    create_index("ix_station_sightings_last_seen", "station_sightings", ["tenant_id", "last_seen_time", "station_id"])


def downgrade() -> None:
    """Undo them."""
    op.drop_index("ix_station_sightings_last_seen", "station_sightings")
    op.drop_index("ix_stations_vendor_and_model", "stations")
