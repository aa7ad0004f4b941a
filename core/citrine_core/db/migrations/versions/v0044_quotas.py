"""How much of something a tenant may have, in one shape."""

import json

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    """Make the limit of stations one of several quotas."""
    op.add_column("tenants", sa.Column("quotas", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.execute(
        "UPDATE tenants SET quotas = '{\"stations\":' || CAST(max_stations AS VARCHAR(10)) || '}' "
        "WHERE max_stations IS NOT NULL"
    )
    op.drop_column("tenants", "max_stations")
    op.add_column("firmware_updates", sa.Column("verification", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Take it back; other quotas are forgotten."""
    op.drop_column("firmware_updates", "verification")
    op.add_column("tenants", sa.Column("max_stations", sa.Integer(), nullable=True))
    tenants = sa.table("tenants", sa.column("tenant_id"), sa.column("quotas"), sa.column("max_stations", sa.Integer()))
    connection = op.get_bind()
    for tenant_id, quotas in connection.execute(sa.select(tenants.c.tenant_id, tenants.c.quotas)).all():
        most = json.loads(quotas).get("stations") if quotas else None
        if most is not None:
            of_tenant = tenants.c.tenant_id == tenant_id
            connection.execute(sa.update(tenants).where(of_tenant).values(max_stations=most))
    op.drop_column("tenants", "quotas")
