"""The audit, which the database lets nobody change."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0036"
down_revision = "0035"

_SQLITE = (
    "CREATE TRIGGER audit_records_unchanged BEFORE UPDATE ON audit_records"
    " BEGIN SELECT RAISE(ABORT, 'audit records are never changed'); END",
    "CREATE TRIGGER audit_records_retained BEFORE DELETE ON audit_records"
    " WHEN OLD.create_time > strftime('%Y-%m-%d %H:%M:%f', 'now', '-30 days')"
    " BEGIN SELECT RAISE(ABORT, 'audit records are retained for 30 days at least'); END",
    "CREATE TRIGGER audit_checkpoints_retained BEFORE DELETE ON audit_checkpoints"
    " BEGIN SELECT RAISE(ABORT, 'checkpoints of the audit are never removed'); END",
    "CREATE TRIGGER audit_checkpoints_raised BEFORE UPDATE ON audit_checkpoints WHEN NEW.number < OLD.number"
    " BEGIN SELECT RAISE(ABORT, 'checkpoints of the audit only go on'); END",
)

_POSTGRES = (
    """
    CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit is not changed: % of %', TG_OP, TG_TABLE_NAME;
    END $$
    """,
    "CREATE TRIGGER audit_records_unchanged BEFORE UPDATE ON audit_records"
    " FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_records_retained BEFORE DELETE ON audit_records"
    " FOR EACH ROW WHEN (OLD.create_time > now() - interval '30 days') EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_records_not_emptied BEFORE TRUNCATE ON audit_records"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_checkpoints_retained BEFORE DELETE ON audit_checkpoints"
    " FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_checkpoints_raised BEFORE UPDATE ON audit_checkpoints"
    " FOR EACH ROW WHEN (NEW.number < OLD.number) EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_checkpoints_not_emptied BEFORE TRUNCATE ON audit_checkpoints"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
)


def upgrade() -> None:
    """Add the tables and their triggers."""
    op.create_table(
        "audit_records",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller_id", sa.String(length=255), nullable=False),
        sa.Column("caller_name", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=100), nullable=False),
        sa.Column("method", sa.String(length=150), nullable=False),
        sa.Column("object", sa.String(length=255), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("chain_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_audit_records")),
        sa.UniqueConstraint("chain_id", "number", name=op.f("uq_audit_records_chain_id_number")),
    )
    op.create_index(op.f("ix_audit_records_tenant_id_record_id"), "audit_records", ["tenant_id", "record_id"])
    op.create_index(op.f("ix_audit_records_create_time"), "audit_records", ["create_time"])
    op.create_table(
        "audit_checkpoints",
        sa.Column("chain_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", name=op.f("pk_audit_checkpoints")),
    )
    for statement in _POSTGRES if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """Take it back, with all records."""
    op.drop_table("audit_checkpoints")
    op.drop_table("audit_records")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuse()")
