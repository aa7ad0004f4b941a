"""Statistics: rollups, and what is counted of transactions and of the states of EVSEs."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0062"
down_revision = "0061"

_MEASURES = (
    "transactions_started",
    "transactions_ended",
    "transactions_failed",
    "energy_mwh",
    "before_tax_micros",
    "after_tax_micros",
    "rejected_authorizations",
    "failed_starts",
    "faults",
    "failed_commands",
    "occupied_ms",
    "offline_ms",
    "faulted_ms",
    "unavailable_ms",
)


def upgrade() -> None:
    """Add the tables. What is stored already is counted by a job, part by part."""
    _create_rollups()
    _create_counted_transactions()
    _create_states()
    op.create_table(
        "statistics_cursor",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_tenant_id", sa.String(36), nullable=False),
        sa.Column("last_station_id", sa.String(48), nullable=False),
        sa.Column("last_transaction_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statistics_cursor")),
    )
    is_new = "NOT EXISTS (SELECT 1 FROM stations) AND NOT EXISTS (SELECT 1 FROM transactions)"
    op.execute(
        "INSERT INTO statistics_cursor (id, event_id, stage, due_time, last_tenant_id, last_station_id,"
        " last_transaction_id)  "
        f"SELECT 1, 0, CASE WHEN {is_new} THEN 0 ELSE 1 END, CASE WHEN {is_new} THEN NULL ELSE CURRENT_TIMESTAMP END,"
        " '', '', ''"
    )


def _create_rollups() -> None:
    op.create_table(
        "rollups",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("scope", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("grain", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("bucket_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("location_id", sa.String(36), nullable=False),
        sa.Column("tariff_id", sa.String(36), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _MEASURES),
        sa.PrimaryKeyConstraint(
            *("tenant_id", "scope", "grain", "bucket_time", "station_id", "location_id", "tariff_id", "currency"),
            name=op.f("pk_rollups"),
        ),
    )
    for name, condition in (("station", "station_id <> ''"), ("location", "scope = 2")):
        columns = ["tenant_id", f"{name}_id", "grain", "bucket_time"]
        _create_partial(f"ix_rollups_{name}", "rollups", columns, condition)
    op.create_index("ix_rollups_bucket_time", "rollups", ["bucket_time"])


def _create_counted_transactions() -> None:
    op.create_table(
        "counted_transactions",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("transaction_id", sa.String(36), nullable=False),
        sa.Column("location_id", sa.String(36), nullable=False),
        sa.Column("tariff_id", sa.String(36), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("energy_mwh", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("before_tax_micros", sa.BigInteger(), nullable=False),
        sa.Column("after_tax_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "transaction_id", name=op.f("pk_counted_transactions")),
    )
    _create_partial("ix_counted_transactions_open", "counted_transactions", ["tenant_id"], "end_time IS NULL")
    op.create_index("ix_counted_transactions_end_time", "counted_transactions", ["end_time"])


def _create_states() -> None:
    for table, others in (
        ("evse_services", ()),
        ("evse_downtimes", (sa.Column("kind", sa.SmallInteger(), nullable=False),)),
    ):
        op.create_table(
            table,
            sa.Column("tenant_id", sa.String(36), nullable=False),
            sa.Column("station_id", sa.String(48), nullable=False),
            sa.Column("evse_id", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
            *others,
            sa.Column("location_id", sa.String(36), nullable=False),
            sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
            sa.PrimaryKeyConstraint("tenant_id", "station_id", "evse_id", "start_time", name=op.f(f"pk_{table}")),
        )
    _create_partial("ix_evse_downtimes_open", "evse_downtimes", ["tenant_id"], "end_time IS NULL")
    op.create_index("ix_evse_downtimes_end_time", "evse_downtimes", ["end_time"])


def _create_partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Undo them."""
    for table in ("statistics_cursor", "evse_downtimes", "evse_services", "counted_transactions", "rollups"):
        op.drop_table(table)
