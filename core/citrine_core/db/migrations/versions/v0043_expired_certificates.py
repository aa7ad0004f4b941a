"""Stations that may connect with an expired certificate, to renew it; and sessions that do."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    """Add the columns."""
    op.add_column(
        "stations", sa.Column("accept_expired_certificate", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("connections", sa.Column("renew_due_time", sa.DateTime(timezone=True), nullable=True))
    due = sa.text("renew_due_time IS NOT NULL")
    op.create_index("ix_connections_renew", "connections", ["renew_due_time"], postgresql_where=due, sqlite_where=due)


def downgrade() -> None:
    """Undo them."""
    op.drop_index("ix_connections_renew", "connections")
    op.drop_column("connections", "renew_due_time")
    op.drop_column("stations", "accept_expired_certificate")
