"""Assignments of tariffs with a beginning and an end, bills of reservations, and currencies of stations."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0014"
down_revision = "0013"

_SUBJECT = ("tenant_id", "id_token_lookup", "group_id", "station_id", "evse_id", "id_token_type", "tariff_id")
_UNBILLED = sa.text("bill_time IS NOT NULL")


def upgrade() -> None:
    """Add columns and a table."""
    with op.batch_alter_table("tariff_assignments") as batch:
        batch.drop_constraint("uq_tariff_assignments_subject", type_="unique")
        batch.add_column(sa.Column("from_time", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("to_time", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_tariff_assignments_subject", "tariff_assignments", list(_SUBJECT[:4]))
    op.add_column("transaction_costs", sa.Column("station_currency", sa.String(length=20), nullable=True))
    _upgrade_reservations()
    op.create_table(
        "reservation_costs",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("reservation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("id_token", sa.String(length=255), nullable=False),
        sa.Column("id_token_type", sa.String(length=20), nullable=False),
        sa.Column("id_token_lookup", sa.String(length=255), nullable=False),
        sa.Column("tariff_id", sa.String(length=36), nullable=False),
        sa.Column("tariff_version", sa.Integer(), nullable=False),
        sa.Column("breakdown", sa.LargeBinary(), nullable=False),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "station_id", "reservation_id", "start_time", name=op.f("pk_reservation_costs")
        ),
    )
    op.create_index("ix_reservation_costs_start", "reservation_costs", ["tenant_id", "start_time"])


def _upgrade_reservations() -> None:
    op.add_column("reservations", sa.Column("accept_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("reservations", sa.Column("bill_time", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_reservations_unbilled",
        "reservations",
        ["bill_time"],
        sqlite_where=_UNBILLED,
        postgresql_where=_UNBILLED,
    )
    # Active since they were accepted. Those that were used are billed as they were: since they were asked for.
    op.execute("UPDATE reservations SET accept_time = state_time WHERE state = 2")
    op.execute("UPDATE reservations SET accept_time = create_time WHERE state = 4")


def downgrade() -> None:
    """Remove them. Of assignments those stay that have no end, each once."""
    op.drop_index("ix_reservation_costs_start", table_name="reservation_costs")
    op.drop_table("reservation_costs")
    op.drop_index("ix_reservations_unbilled", table_name="reservations")
    with op.batch_alter_table("reservations") as batch:
        batch.drop_column("bill_time")
        batch.drop_column("accept_time")
    with op.batch_alter_table("transaction_costs") as batch:
        batch.drop_column("station_currency")
    table = sa.table("tariff_assignments", *(sa.column(name) for name in ("id", "from_time", "to_time", *_SUBJECT)))
    first = sa.select(sa.func.min(table.c.id)).where(table.c.to_time.is_(None))
    op.execute(sa.delete(table).where(table.c.id.not_in(first.group_by(*(table.c[name] for name in _SUBJECT)))))
    op.drop_index("ix_tariff_assignments_subject", table_name="tariff_assignments")
    with op.batch_alter_table("tariff_assignments") as batch:
        batch.drop_column("to_time")
        batch.drop_column("from_time")
        batch.create_unique_constraint("uq_tariff_assignments_subject", list(_SUBJECT))
