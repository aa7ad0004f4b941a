"""The life of a cost: settled transactions, corrections, and what operators did about them."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0013"
down_revision = "0012"

_TRANSACTIONS = (
    ("reported_id", sa.String(length=36)),
    ("lives", sa.SmallInteger()),
    ("late_events", sa.Integer()),
    ("over_time", sa.DateTime(timezone=True)),
    ("settle_time", sa.DateTime(timezone=True)),
    ("settlement", sa.SmallInteger()),
    ("settle_due_time", sa.DateTime(timezone=True)),
    ("reopening", sa.SmallInteger()),
)
_COSTS = (
    ("waits_for", sa.SmallInteger()),
    ("waits_until", sa.DateTime(timezone=True)),
    ("settlement", sa.SmallInteger()),
    ("settle_time", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Add what is known of settlements.

    Costs that are final stay final, whatever comes: their transactions are settled. What is provisional waits from
    now on, and what was closed without an end is settled by the core at its first look.
    """
    for name, kind in _TRANSACTIONS:
        op.add_column("transactions", sa.Column(name, kind, nullable=True))
    op.add_column("transaction_events", sa.Column("late", sa.Boolean(), nullable=True))
    for name, kind in _COSTS:
        op.add_column("transaction_costs", sa.Column(name, kind, nullable=True))
    due = sa.text("settle_due_time IS NOT NULL")
    op.create_index(
        "ix_transactions_settle_due", "transactions", ["settle_due_time"], sqlite_where=due, postgresql_where=due
    )
    again = sa.text("reported_id IS NOT NULL")
    op.create_index(
        "ix_transactions_reported",
        "transactions",
        ["tenant_id", "station_id", "reported_id"],
        sqlite_where=again,
        postgresql_where=again,
    )
    _create_corrections()
    _create_actions()
    _settle()


def _create_corrections() -> None:
    op.create_table(
        "cost_corrections",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("tariff_id", sa.String(length=36), nullable=False),
        sa.Column("tariff_version", sa.Integer(), nullable=False),
        sa.Column("before_tax", sa.String(length=40), nullable=False),
        sa.Column("after_tax", sa.String(length=40), nullable=False),
        sa.Column("replaced_before_tax", sa.String(length=40), nullable=True),
        sa.Column("replaced_after_tax", sa.String(length=40), nullable=True),
        sa.Column("breakdown", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_corrections")),
        sa.UniqueConstraint("tenant_id", "station_id", "transaction_id", "number", name="uq_cost_corrections_number"),
    )


def _create_actions() -> None:
    op.create_table(
        "settlement_actions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("correction", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_actions")),
    )
    op.create_index(
        "ix_settlement_actions_transaction", "settlement_actions", ["tenant_id", "station_id", "transaction_id"]
    )


def _settle() -> None:
    """Settle what is complete, and have the rest settled when its time comes."""
    # 1 of Settlement: complete. 3 of CostState: final.
    complete = "end_time IS NOT NULL AND start_time IS NOT NULL AND seq_nos > last_seq_no - first_seq_no"
    op.execute(f"UPDATE transactions SET settle_time = update_time, settlement = 1 WHERE {complete}")
    op.execute("UPDATE transaction_costs SET settle_time = update_time, settlement = 1 WHERE state = 3")
    op.execute(
        "UPDATE transactions SET settle_due_time = CURRENT_TIMESTAMP WHERE end_time IS NULL AND closed_time IS NOT NULL"
    )
    # A day from now, as the default of the setting has it: they may have been waiting for long.
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    later = "datetime('now', '+1 day')" if is_sqlite else "CURRENT_TIMESTAMP + interval '1 day'"
    op.execute(f"UPDATE transactions SET settle_due_time = {later} WHERE end_time IS NOT NULL AND settle_time IS NULL")


def downgrade() -> None:
    """Forget it."""
    op.drop_index("ix_settlement_actions_transaction", table_name="settlement_actions")
    op.drop_table("settlement_actions")
    op.drop_table("cost_corrections")
    op.drop_index("ix_transactions_reported", table_name="transactions")
    op.drop_index("ix_transactions_settle_due", table_name="transactions")
    for name, _ in reversed(_COSTS):
        op.drop_column("transaction_costs", name)
    op.drop_column("transaction_events", "late")
    for name, _ in reversed(_TRANSACTIONS):
        op.drop_column("transactions", name)
