"""API keys know when they were used, in which key file they are, and what replaced them."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the columns. Keys of before were never used as far as is known, and are in no file."""
    op.add_column("api_keys", sa.Column("last_use_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("key_file", sa.String(length=300), nullable=True))
    op.add_column("api_keys", sa.Column("replaced_by", sa.String(length=20), nullable=True))
    is_valid = sa.text("key_file IS NOT NULL AND revoke_time IS NULL")
    op.create_index(
        "uq_api_keys_key_file", "api_keys", ["key_file"], unique=True, sqlite_where=is_valid, postgresql_where=is_valid
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_index("uq_api_keys_key_file", table_name="api_keys")
    for column in ("replaced_by", "key_file", "last_use_time"):
        op.drop_column("api_keys", column)
