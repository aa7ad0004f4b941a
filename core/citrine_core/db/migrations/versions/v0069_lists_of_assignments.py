"""Indexes of lists of tariff assignments by what they are for."""

from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0069"
down_revision = "0068"

_TABLE = "tariff_assignments"
_COLUMNS = {
    "station": "station_id",
    "location": "location_id",
    "station_group": "station_group",
    "labels": "label_digest",
    "group": "group_id",
    "token": "id_token_lookup",
}


def upgrade() -> None:
    """Add them, each in the order in which the list comes."""
    op.drop_index("ix_tariff_assignments_tariff", _TABLE)
    op.create_index("ix_tariff_assignments_made", _TABLE, ["tenant_id", "id"])
    op.create_index("ix_tariff_assignments_tariff", _TABLE, ["tenant_id", "tariff_id", "id"])
    for name, column in _COLUMNS.items():
        op.create_index(f"ix_tariff_assignments_{name}", _TABLE, ["tenant_id", column, "id"])


def downgrade() -> None:
    """Take them back."""
    for name in reversed(_COLUMNS):
        op.drop_index(f"ix_tariff_assignments_{name}", _TABLE)
    op.drop_index("ix_tariff_assignments_tariff", _TABLE)
    op.drop_index("ix_tariff_assignments_made", _TABLE)
    op.create_index("ix_tariff_assignments_tariff", _TABLE, ["tenant_id", "tariff_id"])
