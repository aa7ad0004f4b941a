"""Tariffs that apply at stations with labels."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0059"
down_revision = "0058"

_SUBJECT = ("tenant_id", "id_token_lookup", "group_id", "station_id", "location_id", "station_group")


def upgrade() -> None:
    """Add the columns."""
    for name, kind in (("station_labels", sa.Text()), ("label_digest", sa.String(32))):
        column = sa.Column(name, kind, nullable=False, server_default=sa.text("''"))
        op.add_column("tariff_assignments", column)
    op.drop_index("ix_tariff_assignments_subject", "tariff_assignments")
    op.create_index("ix_tariff_assignments_subject", "tariff_assignments", [*_SUBJECT, "label_digest"])


def downgrade() -> None:
    """Undo them; what applied at stations with labels applies nowhere any more."""
    op.execute("DELETE FROM tariff_assignments WHERE station_labels <> ''")
    op.drop_index("ix_tariff_assignments_subject", "tariff_assignments")
    op.create_index("ix_tariff_assignments_subject", "tariff_assignments", list(_SUBJECT))
    op.drop_column("tariff_assignments", "label_digest")
    op.drop_column("tariff_assignments", "station_labels")
