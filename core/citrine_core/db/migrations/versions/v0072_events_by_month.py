"""The events of transactions are partitioned on PostgreSQL, by the month that their transaction names."""

import sqlalchemy as sa
from alembic import op

from citrine_core.db.databases import database_of
from citrine_core.db.migrations.event_months import ADD_MONTH, OF_NO_MONTH
from citrine_core.db.migrations.indexes import create_index

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0072"
down_revision = "0071"

_KEY = "tenant_id, station_id, transaction_id, seq_no, digest"


def upgrade() -> None:
    """Have what is stored become the partition of no month. No row is copied."""
    op.add_column("transactions", _month())
    create_index("ix_transactions_events_month", "transactions", ["events_month"], "events_month > 0")
    if not database_of(op.get_bind()).has_partitions:
        op.add_column("transaction_events", _month())
        return
    op.execute(ADD_MONTH)
    op.rename_table("transaction_events", "transaction_events_lasting")
    op.execute("ALTER INDEX pk_transaction_events RENAME TO pk_transaction_events_lasting")
    op.execute(
        "CREATE TABLE transaction_events (LIKE transaction_events_lasting INCLUDING DEFAULTS)"
        " PARTITION BY RANGE (events_month)"
    )
    op.execute("CREATE TABLE transaction_events_default PARTITION OF transaction_events DEFAULT")
    op.execute(
        f"ALTER TABLE transaction_events_default ADD CONSTRAINT pk_transaction_events_default PRIMARY KEY ({_KEY})"
    )
    op.execute("ALTER TABLE transaction_events ATTACH PARTITION transaction_events_lasting FOR VALUES FROM (0) TO (1)")
    op.execute(f"ALTER TABLE transaction_events_lasting DROP CONSTRAINT IF EXISTS {OF_NO_MONTH}")


def downgrade() -> None:
    """Undo it. The events of months are copied, but those that no transaction needs any more."""
    if database_of(op.get_bind()).has_partitions:
        op.execute("ALTER TABLE transaction_events DETACH PARTITION transaction_events_lasting")
        op.execute(
            "INSERT INTO transaction_events_lasting SELECT event.* FROM transaction_events AS event"
            " JOIN transactions USING (tenant_id, station_id, transaction_id, events_month)"
        )
        op.drop_table("transaction_events")
        op.rename_table("transaction_events_lasting", "transaction_events")
        op.execute("ALTER INDEX pk_transaction_events_lasting RENAME TO pk_transaction_events")
    op.drop_column("transaction_events", "events_month")
    op.drop_index("ix_transactions_events_month", "transactions")
    op.drop_column("transactions", "events_month")


def _month() -> sa.Column[int]:
    return sa.Column("events_month", sa.Integer(), server_default="0", nullable=False)
