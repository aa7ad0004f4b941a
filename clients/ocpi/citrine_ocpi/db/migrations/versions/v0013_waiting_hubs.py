"""Which of the parties that wait for the operator is that of the hub itself; who is no hub does not broadcast."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.add_column("waiting_parties", sa.Column("is_hub", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE waiting_parties SET is_hub = true WHERE role = 'HUB'")
    op.execute("UPDATE partners SET is_broadcast = false WHERE hub_consent_time IS NULL")


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("waiting_parties", "is_hub")
