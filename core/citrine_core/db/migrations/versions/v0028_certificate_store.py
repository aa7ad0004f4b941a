"""Certificates of authorities have a store of their own; the roots of contracts move there."""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

from citrine_core.clock import utc_now
from citrine_core.db.base import UtcDateTime

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0028"
down_revision = "0027"

_NOTICE = timedelta(days=30)

_MO_ROOT = 1 << 4
"""CERTIFICATE_USE_MO_ROOT, as uses are stored."""

_TIME = sa.DateTime(timezone=True)

_SETTINGS = sa.table(
    "authorization_settings", sa.column("tenant_id", sa.String()), sa.column("contract_roots", sa.Text())
)

_STORED = sa.table(
    "stored_certificates",
    *(sa.column(name, sa.String()) for name in ("tenant_id", "fingerprint", "pem", "description", "serial_number")),
    *(sa.column(name, sa.String()) for name in ("subject", "issuer")),
    *(sa.column(name, sa.Integer()) for name in ("uses", "version")),
    *(sa.column(name, UtcDateTime()) for name in ("valid_from", "valid_until", "notice_due_time", "create_time")),
)


def upgrade() -> None:
    """Create the store, fill it with the roots of contracts, and drop their text."""
    op.create_table(
        "stored_certificates",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial_number", sa.String(length=64), nullable=False),
        sa.Column("valid_from", _TIME, nullable=False),
        sa.Column("valid_until", _TIME, nullable=False),
        sa.Column("notice_due_time", _TIME, nullable=True),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_stored_certificates_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "fingerprint", name=op.f("pk_stored_certificates")),
    )
    op.create_index(
        op.f("ix_stored_certificates_tenant_id_valid_until_fingerprint"),
        "stored_certificates",
        ["tenant_id", "valid_until", "fingerprint"],
    )
    where = sa.text("notice_due_time IS NOT NULL")
    op.create_index(
        "ix_stored_certificates_notice_due",
        "stored_certificates",
        ["notice_due_time"],
        sqlite_where=where,
        postgresql_where=where,
    )
    _fill()
    with op.batch_alter_table("authorization_settings") as batch:
        batch.drop_column("contract_roots")


def _fill() -> None:
    connection = op.get_bind()
    texts = connection.execute(sa.select(_SETTINGS).where(_SETTINGS.c.contract_roots != "")).all()
    if not texts:
        return
    # Imported only where there is something to read: the import takes time and memory.
    from citrine_core.resources.certificate_store.parsing import facts_of, read_certificates

    now = utc_now()
    for tenant_id, text in texts:
        facts = {one.fingerprint: one for one in map(facts_of, read_certificates(text))}
        for one in facts.values():
            row = {
                "tenant_id": tenant_id,
                "fingerprint": one.fingerprint,
                "uses": _MO_ROOT,
                "pem": one.pem,
                "description": "",
                "subject": one.subject,
                "issuer": one.issuer,
                "serial_number": one.serial_number[:64],
                "valid_from": one.valid_from,
                "valid_until": one.valid_until,
                "notice_due_time": one.valid_until - _NOTICE,
                "create_time": now,
                "version": 1,
            }
            connection.execute(sa.insert(_STORED), row)


def downgrade() -> None:
    """Have the roots of contracts in a text again, and drop the store with what else is in it."""
    op.add_column("authorization_settings", sa.Column("contract_roots", sa.Text(), nullable=False, server_default=""))
    connection = op.get_bind()
    rows = connection.execute(sa.select(_STORED.c.tenant_id, _STORED.c.uses, _STORED.c.pem))
    texts: dict[str, str] = {}
    for tenant_id, uses, pem in rows.all():
        if uses & _MO_ROOT:
            texts[tenant_id] = texts.get(tenant_id, "") + pem
    for tenant_id, text in texts.items():
        connection.execute(sa.update(_SETTINGS).where(_SETTINGS.c.tenant_id == tenant_id).values(contract_roots=text))
    with op.batch_alter_table("authorization_settings") as batch:
        batch.alter_column("contract_roots", existing_type=sa.Text(), existing_nullable=False, server_default=None)
    op.drop_table("stored_certificates")
