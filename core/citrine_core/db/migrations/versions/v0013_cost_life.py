"""The life of a cost."""

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing yet."""
