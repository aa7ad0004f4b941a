"""Indexes of lists of tariff assignments by what they are for."""

from alembic import op

from citrine_core.db.migrations.indexes import create_index, drop_superseded

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0069"
down_revision = "0068"

_TABLE = "tariff_assignments"
_COLUMNS = {
    "of_tariff": "tariff_id",
    "station": "station_id",
    "location": "location_id",
    "station_group": "station_group",
    "labels": "label_digest",
    "group": "group_id",
    "token": "id_token_lookup",
}


def upgrade() -> None:
    """Add them, each in the order in which the list comes."""
    create_index("ix_tariff_assignments_made", _TABLE, ["tenant_id", "id"])
    drop_superseded("ix_tariff_assignments_tariff", _TABLE)
    for name, column in _COLUMNS.items():
        create_index(f"ix_tariff_assignments_{name}", _TABLE, ["tenant_id", column, "id"])


def downgrade() -> None:
    """Undo them."""
    for name in reversed(_COLUMNS):
        op.drop_index(f"ix_tariff_assignments_{name}", _TABLE)
    op.drop_index("ix_tariff_assignments_made", _TABLE)
    op.create_index("ix_tariff_assignments_tariff", _TABLE, ["tenant_id", "tariff_id"])
