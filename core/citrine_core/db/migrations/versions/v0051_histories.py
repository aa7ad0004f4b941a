"""Which stations were connected when, and how it was decided on tokens."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    """Create the tables; what is connected now is in the first from now on."""
    _create_connection_records()
    _create_authorization_records()


def downgrade() -> None:
    """Undo them."""
    op.drop_table("authorization_records")
    op.drop_table("connection_records")


def _create_connection_records() -> None:
    op.create_table(
        "connection_records",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("edge_id", sa.String(length=36), nullable=False),
        sa.Column("ocpp_version", sa.Integer(), nullable=False),
        sa.Column("remote_address", sa.String(length=100), nullable=False),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("close_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_code", sa.Integer(), nullable=True),
        sa.Column("close_reason", sa.String(length=125), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "epoch", name=op.f("pk_connection_records")),
    )
    columns = (
        "tenant_id, station_id, epoch, edge_id, ocpp_version, remote_address, open_time, close_time, close_code,"
        " close_reason"
    )
    op.execute(
        f"INSERT INTO connection_records ({columns}) SELECT {columns} FROM connections WHERE open_time IS NOT NULL"
    )
    op.create_index(
        "ix_connection_records_tenant_id_open_time_station_id_epoch",
        "connection_records",
        ["tenant_id", "open_time", "station_id", "epoch"],
    )
    _create_partial("ix_connection_records_open", "connection_records", ["station_id"], "close_time IS NULL")


def _create_authorization_records() -> None:
    op.create_table(
        "authorization_records",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("id_token", sa.String(length=255), nullable=False),
        sa.Column("id_token_type", sa.String(length=20), nullable=False),
        sa.Column("id_token_lookup", sa.String(length=255), nullable=False),
        sa.Column("group_id", sa.String(length=255), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("authorizer", sa.SmallInteger(), nullable=False),
        sa.Column("decide_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorization_records")),
    )
    table, order = "authorization_records", ["decide_time", "id"]
    for first in ([], ["station_id"]):
        columns = ["tenant_id", *first, *order]
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
    op.create_index(f"ix_{table}_token", table, ["tenant_id", "id_token_lookup", *order])
    _create_partial(f"ix_{table}_refused", table, order, "status <> 1")
    _create_partial(f"ix_{table}_group", table, ["group_id", *order], "group_id <> ''")


def _create_partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, ["tenant_id", *columns], sqlite_where=where, postgresql_where=where)
