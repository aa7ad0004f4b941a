"""Stations order certificates; what they were given is recorded."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0032"
down_revision = "0031"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables. What stations have from before is not known."""
    op.create_table(
        "certificate_orders",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("certificate_type", sa.Integer(), nullable=False),
        sa.Column("csr", sa.Text(), nullable=False),
        sa.Column("csr_digest", sa.String(length=64), nullable=False),
        sa.Column("common_name", sa.String(length=64), nullable=False),
        sa.Column("organization", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("sent_digest", sa.LargeBinary(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_time", _TIME, nullable=True),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("update_time", _TIME, nullable=False),
        sa.Column("finish_time", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_certificate_orders")),
        sa.UniqueConstraint(
            "tenant_id",
            "station_id",
            "csr_digest",
            "certificate_type",
            name="uq_certificate_orders_csr",
        ),
    )
    op.create_index(op.f("ix_certificate_orders_tenant_id_order_id"), "certificate_orders", ["tenant_id", "order_id"])
    _index("ix_certificate_orders_due", "certificate_orders", "next_time")
    op.create_table(
        "issued_certificates",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate_type", sa.Integer(), nullable=False),
        sa.Column("common_name", sa.String(length=64), nullable=False),
        sa.Column("serial_number", sa.String(length=64), nullable=False),
        sa.Column("valid_from", _TIME, nullable=False),
        sa.Column("valid_until", _TIME, nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("install_time", _TIME, nullable=True),
        sa.Column("use_time", _TIME, nullable=True),
        sa.Column("revoke_time", _TIME, nullable=True),
        sa.Column("renew_due_time", _TIME, nullable=True),
        sa.Column("renew_attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "fingerprint", name=op.f("pk_issued_certificates")),
    )
    op.create_index(
        op.f("ix_issued_certificates_tenant_id_valid_from_fingerprint"),
        "issued_certificates",
        ["tenant_id", "valid_from", "fingerprint"],
    )
    op.create_index(op.f("ix_issued_certificates_fingerprint"), "issued_certificates", ["fingerprint"])
    _index("ix_issued_certificates_renew", "issued_certificates", "renew_due_time")


def _index(name: str, table: str, column: str) -> None:
    where = sa.text(f"{column} IS NOT NULL")
    op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("issued_certificates")
    op.drop_table("certificate_orders")
