"""Idempotency keys of commands, and the requests that they came by."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Go from the revision before to this one."""
    for name in ("request_id", "idempotency_key"):
        op.add_column("partner_commands", sa.Column(name, sa.String(length=64), server_default="", nullable=False))
    # The core knows those that are under way by this key.
    op.execute(
        "UPDATE partner_commands SET idempotency_key = 'ocpi-command/' || CAST(command_id AS VARCHAR(20))"
        " WHERE due_time IS NOT NULL"
    )


def downgrade() -> None:
    """Go back to the revision before."""
    for name in ("request_id", "idempotency_key"):
        op.drop_column("partner_commands", name)
