"""Clocks of stations and limits of transactions."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0015"
down_revision = "0014"

_COLUMNS = (
    ("stations", "clock_skew_ms", sa.BigInteger()),
    ("stations", "clock_skew_time", sa.DateTime(timezone=True)),
    ("transactions", "clock_skew_ms", sa.BigInteger()),
    ("tokens", "status_time", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Add the columns of clocks."""
    for table, name, kind in _COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    op.add_column("stations", sa.Column("clock_is_off", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Remove them."""
    with op.batch_alter_table("stations") as batch:
        batch.drop_column("clock_is_off")
    for table, name, _ in reversed(_COLUMNS):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(name)
