"""Messages that were refused."""

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing yet."""
