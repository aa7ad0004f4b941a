"""Indexes of the stations and connectors that are counted."""

from alembic import op

from citrine_core.db.migrations.indexes import create_index

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0073"
down_revision = "0072"


def upgrade() -> None:
    """Add them."""
    create_index("ix_stations_disabled", "stations", ["tenant_id", "station_id"], "NOT enabled")
    create_index("ix_connectors_available", "connectors", ["tenant_id", "status", "station_id"], "status = 1")


def downgrade() -> None:
    """Undo them."""
    op.drop_index("ix_connectors_available", "connectors")
    op.drop_index("ix_stations_disabled", "stations")
