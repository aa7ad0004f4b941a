"""Capacity that is promised to a fuse."""

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing yet."""
