"""Prices."""

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing yet."""
