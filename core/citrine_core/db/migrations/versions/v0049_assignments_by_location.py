"""Tariffs that apply at a location, or at a group of stations."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0049"
down_revision = "0048"

_SUBJECT = ("tenant_id", "id_token_lookup", "group_id", "station_id")


def upgrade() -> None:
    """Add the columns."""
    for name, length in (("location_id", 36), ("station_group", 63)):
        column = sa.Column(name, sa.String(length), nullable=False, server_default=sa.text("''"))
        op.add_column("tariff_assignments", column)
    op.drop_index("ix_tariff_assignments_subject", "tariff_assignments")
    columns = [*_SUBJECT, "location_id", "station_group"]
    op.create_index("ix_tariff_assignments_subject", "tariff_assignments", columns)


def downgrade() -> None:
    """Undo them; what applied at a location or at a group applies nowhere any more."""
    op.execute("DELETE FROM tariff_assignments WHERE location_id <> '' OR station_group <> ''")
    op.drop_index("ix_tariff_assignments_subject", "tariff_assignments")
    op.create_index("ix_tariff_assignments_subject", "tariff_assignments", list(_SUBJECT))
    op.drop_column("tariff_assignments", "station_group")
    op.drop_column("tariff_assignments", "location_id")
