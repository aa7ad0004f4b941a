"""What the register model remembers of a transaction."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add what is remembered of transactions whose readings are doubtful; of the others, nothing is."""
    op.add_column("transactions", sa.Column("register_state", sa.LargeBinary(), nullable=True))
    op.add_column("transactions", sa.Column("anomalies", sa.LargeBinary(), nullable=True))
    for name in ("power_limit_w", "exported_wh", "export_last_wh"):
        op.add_column("transactions", sa.Column(name, sa.Double(), nullable=True))
    op.add_column("transactions", sa.Column("export_last_time", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Forget it."""
    for name in ("export_last_time", "export_last_wh", "exported_wh", "power_limit_w"):
        op.drop_column("transactions", name)
    op.drop_column("transactions", "anomalies")
    op.drop_column("transactions", "register_state")
