"""Commands are found by when they ended, to be forgotten."""

from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the index."""
    op.create_index(op.f("ix_commands_finish_time"), "commands", ["finish_time"], unique=False)


def downgrade() -> None:
    """Drop it."""
    op.drop_index(op.f("ix_commands_finish_time"), table_name="commands")
