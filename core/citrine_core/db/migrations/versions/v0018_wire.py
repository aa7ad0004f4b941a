"""What stations are answered."""

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing yet."""
