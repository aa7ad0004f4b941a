"""What the register model remembers of a transaction."""

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing yet."""
