"""Locations that partners and parties behind hubs have not got as they are."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "stale_locations",
        sa.Column("published_id", sa.BigInteger(), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.Column("was_sent", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["published_id"],
            ["published_objects.published_id"],
            name=op.f("fk_stale_locations_published_id_published_objects"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.partner_id"],
            name=op.f("fk_stale_locations_partner_id_partners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "published_id", "partner_id", "country_code", "party_id", name=op.f("pk_stale_locations")
        ),
    )
    op.create_index(
        op.f("ix_stale_locations_partner_id_published_id"), "stale_locations", ["partner_id", "published_id"]
    )
    # Who is suspended has no receipt of what changed since.
    op.execute(
        "INSERT INTO stale_locations (published_id, partner_id, country_code, party_id, was_sent)"
        " SELECT o.published_id, p.partner_id, '', '', false FROM published_objects o, partners p"
        " WHERE o.module = 'locations' AND p.suspend_time IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM published_receipts r WHERE r.published_id = o.published_id AND r.partner_id = p.partner_id)"
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("stale_locations")
