"""Tenants that were removed, whose ids are never used again."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    """Add the table. Whose stations were connected once, and who is not there, was removed."""
    op.create_table(
        "removed_tenants",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("display_name", sa.String(255), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remove_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("purge_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_removed_tenants")),
    )
    op.execute(
        "INSERT INTO removed_tenants (tenant_id, display_name, remove_time)"
        " SELECT DISTINCT tenant_id, '', CURRENT_TIMESTAMP FROM connections"
        " WHERE tenant_id NOT IN (SELECT tenant_id FROM tenants)"
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("removed_tenants")
