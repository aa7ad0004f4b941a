"""Numbers of a campaign's stations that its limit of failures depends on."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0029"
down_revision = "0028"

_SKIPPED = 6
"""FIRMWARE_CAMPAIGN_STATION_STATE_SKIPPED"""

_STATIONS = (
    "SELECT count(*) FROM firmware_campaign_stations AS s"
    " WHERE s.tenant_id = firmware_campaigns.tenant_id AND s.campaign_id = firmware_campaigns.campaign_id"
)


def upgrade() -> None:
    """Add the columns, and count."""
    for name in ("station_count", "skipped"):
        op.add_column("firmware_campaigns", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.execute(
        f"UPDATE firmware_campaigns SET station_count = ({_STATIONS}), skipped = ({_STATIONS} AND s.state = {_SKIPPED})"
    )


def downgrade() -> None:
    """Undo it."""
    for name in ("skipped", "station_count"):
        op.drop_column("firmware_campaigns", name)
