"""Clocks of stations and limits of transactions."""

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing yet."""
