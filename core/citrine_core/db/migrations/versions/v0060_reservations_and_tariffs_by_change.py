"""Lists of reservations and of tariffs by the time of their last change."""

import sqlalchemy as sa
from alembic import op

from citrine_core.db.migrations.indexes import create_index

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0060"
down_revision = "0059"

_RESERVATIONS = "ix_reservations_tenant_id_update_time_id"
_TARIFFS = "ix_tariffs_tenant_id_update_time_tariff_id"

_UPDATE_TIME = """
UPDATE tariffs SET update_time = coalesce(delete_time, (
    SELECT create_time FROM tariff_versions AS one
    WHERE one.tenant_id = tariffs.tenant_id AND one.tariff_id = tariffs.tariff_id AND one.version = tariffs.version
), create_time)
"""


def upgrade() -> None:
    """Add the indexes, and the time of each tariff."""
    create_index(_RESERVATIONS, "reservations", ["tenant_id", "update_time", "id"])
    kind = sa.DateTime(timezone=True)
    # Until they are replaced, cores of the version before store tariffs without it.
    default = sa.text("'1970-01-01 00:00:00'")
    op.add_column("tariffs", sa.Column("update_time", kind, nullable=False, server_default=default))
    op.execute(_UPDATE_TIME)
    op.create_index(_TARIFFS, "tariffs", ["tenant_id", "update_time", "tariff_id"])


def downgrade() -> None:
    """Undo them."""
    op.drop_index(_TARIFFS, "tariffs")
    op.drop_column("tariffs", "update_time")
    op.drop_index(_RESERVATIONS, "reservations")
