"""The certificates that stations have installed are recorded."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Create the table. What stations have is known once they are asked."""
    op.create_table(
        "installed_certificates",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("certificate_type", sa.SmallInteger(), nullable=False),
        sa.Column("hash_algorithm", sa.SmallInteger(), nullable=False),
        sa.Column("issuer_name_hash", sa.String(length=128), nullable=False),
        sa.Column("issuer_key_hash", sa.String(length=128), nullable=False),
        sa.Column("serial_number", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("install_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("command_id", sa.String(length=36), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("report_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installed_certificates")),
        sa.UniqueConstraint(
            "tenant_id",
            "station_id",
            "certificate_type",
            "hash_algorithm",
            "issuer_name_hash",
            "issuer_key_hash",
            "serial_number",
            name=op.f("uq_installed_certificates_hash_data"),
        ),
    )
    op.create_index(op.f("ix_installed_certificates_tenant_id_id"), "installed_certificates", ["tenant_id", "id"])
    op.create_index(
        op.f("ix_installed_certificates_tenant_id_fingerprint"), "installed_certificates", ["tenant_id", "fingerprint"]
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("installed_certificates")
