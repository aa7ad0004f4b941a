"""Commands of partners, and what they call reservations."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "partner_commands",
        sa.Column("command_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("command", sa.String(length=32), nullable=False),
        sa.Column("response_url", sa.String(length=255), nullable=False),
        sa.Column("target", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("routing", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("command_id", name=op.f("pk_partner_commands")),
        sa.UniqueConstraint("partner_id", "digest", name="uq_partner_commands_partner_id_digest"),
    )
    due = sa.text("due_time IS NOT NULL")
    op.create_index(
        "ix_partner_commands_due_time", "partner_commands", ["due_time"], sqlite_where=due, postgresql_where=due
    )
    op.create_index("ix_partner_commands_create_time", "partner_commands", ["create_time"])
    op.create_table(
        "partner_reservations",
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("lookup", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=255), nullable=False),
        sa.Column("reservation_id", sa.Integer(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "lookup", name=op.f("pk_partner_reservations")),
    )
    op.create_index("ix_partner_reservations_expire_time", "partner_reservations", ["expire_time"])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("partner_reservations")
    op.drop_table("partner_commands")
