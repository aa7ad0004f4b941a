"""What a partner said of a reservation, and tokens that are authorized by commands."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_TEXTS = {"response_url": 255, "correlation_id": 64, "reference": 36}


def upgrade() -> None:
    """Go from the revision before to this one."""
    for name, length in _TEXTS.items():
        op.add_column(
            "partner_reservations", sa.Column(name, sa.String(length=length), server_default="", nullable=False)
        )
    op.add_column("partner_reservations", sa.Column("routing", sa.JSON(none_as_null=True), nullable=True))
    op.add_column(
        "partner_reservations", sa.Column("is_given_up", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_index(
        "ix_partner_reservations_station_id_reservation_id", "partner_reservations", ["station_id", "reservation_id"]
    )
    op.add_column("authorizations", sa.Column("until_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("authorizations", sa.Column("reservation_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Go back to the revision before."""
    op.execute("DELETE FROM authorizations WHERE until_time IS NOT NULL")
    op.drop_column("authorizations", "reservation_id")
    op.drop_column("authorizations", "until_time")
    op.drop_index("ix_partner_reservations_station_id_reservation_id", "partner_reservations")
    for name in (*_TEXTS, "routing", "is_given_up"):
        op.drop_column("partner_reservations", name)
