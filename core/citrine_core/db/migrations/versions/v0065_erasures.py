"""Erasures of persons, also from the audit."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0065"
down_revision = "0064"

_SAME = (
    *("record_id", "tenant_id", "create_time", "caller_id", "caller_name", "address", "method", "outcome", "count"),
    *("chain_id", "number", "previous_hash", "hash"),
)
_IS_ERASURE = " AND ".join(["NEW.erased", *(f"NEW.{name} = OLD.{name}" for name in _SAME)])


def upgrade() -> None:
    """Add the table, and let the trigger of the audit pass what erases a person."""
    op.create_table(
        "erasures",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("erasure_id", sa.String(36), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("waits_for", sa.String(255), nullable=False),
        sa.Column("ids", sa.Text(), nullable=False),
        sa.Column("pseudonyms", sa.Text(), nullable=False),
        sa.Column("lookups", sa.Text(), nullable=False),
        sa.Column("table_name", sa.String(63), nullable=False),
        sa.Column("after_key", sa.Text(), nullable=False),
        sa.Column("tables_done", sa.Integer(), nullable=False),
        sa.Column("tables_total", sa.Integer(), nullable=False),
        sa.Column("changed_rows", sa.BigInteger(), nullable=False),
        sa.Column("requested_by", sa.String(255), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finish_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "erasure_id", name=op.f("pk_erasures")),
    )
    op.create_index(
        "ix_erasures_tenant_id_create_time_erasure_id", "erasures", ["tenant_id", "create_time", "erasure_id"]
    )
    due = sa.text("next_time IS NOT NULL")
    op.create_index("ix_erasures_due", "erasures", ["next_time"], sqlite_where=due, postgresql_where=due)
    op.add_column("audit_records", sa.Column("erased", sa.Boolean(), nullable=False, server_default=sa.false()))
    _refuse_changes(f" WHEN (NOT ({_IS_ERASURE}))")


def downgrade() -> None:
    """Undo them. What was erased from the audit stays so."""
    _refuse_changes("")
    op.drop_column("audit_records", "erased")
    op.drop_table("erasures")


def _refuse_changes(condition: str) -> None:
    create = "CREATE TRIGGER audit_records_unchanged BEFORE UPDATE ON audit_records"
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_records_unchanged ON audit_records")
        op.execute(f"{create} FOR EACH ROW{condition} EXECUTE FUNCTION audit_refuse()")
    else:
        op.execute("DROP TRIGGER audit_records_unchanged")
        op.execute(f"{create}{condition} BEGIN SELECT RAISE(ABORT, 'audit records are never changed'); END")
