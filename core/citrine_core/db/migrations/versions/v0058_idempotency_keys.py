"""Calls with idempotency keys."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0058"
down_revision = "0057"

_SECRET = sa.text("secret_answer IS NOT NULL")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=150), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("secret_answer", sa.Text(), nullable=True),
        sa.Column("failure", sa.LargeBinary(), nullable=True),
        sa.Column("command_id", sa.String(length=36), nullable=True),
        sa.Column("command_count", sa.SmallInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "idempotency_key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_create_time", "idempotency_keys", ["create_time"])
    op.create_index(
        "ix_idempotency_keys_secret",
        "idempotency_keys",
        ["tenant_id", "idempotency_key"],
        sqlite_where=_SECRET,
        postgresql_where=_SECRET,
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("idempotency_keys")
