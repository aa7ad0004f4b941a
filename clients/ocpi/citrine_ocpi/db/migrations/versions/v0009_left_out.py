"""What partners are not shown, since OCPI can't say it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "left_out",
        sa.Column("module", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("module", "name", "partner_id", name=op.f("pk_left_out")),
    )
    op.create_index(op.f("ix_left_out_last_time"), "left_out", ["last_time"])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("left_out")
