"""Capacity that is promised to a fuse: plans of stations, and what is known of profiles that they send."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0016"
down_revision = "0015"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the plans, one for each station that has a capacity, which a core looks at first of all."""
    with op.batch_alter_table("charging_profiles") as table:
        table.add_column(sa.Column("uncertain", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("cause", sa.String(200)))
    plans = op.create_table(
        "charging_plans",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=False),
        sa.Column("sent", sa.LargeBinary(), nullable=False),
        sa.Column("verify", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.SmallInteger(), nullable=False),
        sa.Column("cause_text", sa.String(200), nullable=False),
        sa.Column("due_time", _TIME, nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("update_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", name=op.f("pk_charging_plans")),
    )
    op.create_index(op.f("ix_charging_plans_due_time"), "charging_plans", ["due_time"])
    _plan_for_capacities(plans)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("charging_plans")
    with op.batch_alter_table("charging_profiles") as table:
        table.drop_column("cause")
        table.drop_column("uncertain")


def _plan_for_capacities(plans: sa.Table) -> None:
    capacities = sa.table(
        "charging_capacities", sa.column("tenant_id"), sa.column("station_id"), sa.column("update_time", _TIME)
    )
    changing, of_capacity = 2, 1
    time = sa.func.max(capacities.c.update_time)
    columns = [
        capacities.c.tenant_id,
        capacities.c.station_id,
        sa.literal(changing),
        sa.literal(b"", sa.LargeBinary),
        sa.literal(b"{}", sa.LargeBinary),
        sa.false(),
        sa.literal(of_capacity),
        sa.literal("there is a capacity"),
        time,
        time,
        time,
    ]
    names = [column.name for column in plans.columns]
    query = sa.select(*columns).group_by(capacities.c.tenant_id, capacities.c.station_id)
    op.execute(plans.insert().from_select(names, query))
