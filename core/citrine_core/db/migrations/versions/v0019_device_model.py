"""The device model and what is watched of it."""

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing yet."""
