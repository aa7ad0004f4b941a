"""Stations have a security profile and certificates of their own."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Add the columns and the table. What a station connected with before is not known."""
    op.add_column("stations", sa.Column("security_profile", sa.Integer(), nullable=False, server_default="0"))
    for name in ("certificate_name", "certificate_sha256"):
        op.add_column("stations", sa.Column(name, sa.String(length=64), nullable=True))
    op.create_table(
        "client_certificates",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("serial_number", sa.String(length=64), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_use_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoke_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_client_certificates")),
    )
    op.create_index(
        op.f("ix_client_certificates_tenant_id_station_id"), "client_certificates", ["tenant_id", "station_id"]
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("client_certificates")
    for name in ("certificate_sha256", "certificate_name", "security_profile"):
        op.drop_column("stations", name)
