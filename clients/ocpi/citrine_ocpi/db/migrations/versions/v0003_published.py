"""What partners see of the core, and who got it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "published_objects",
        sa.Column("published_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("module", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=39), nullable=False),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.Column("bodies", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("last_updated", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("published_id", name=op.f("pk_published_objects")),
        sa.UniqueConstraint("module", "object_id", name=op.f("uq_published_objects_module_object_id")),
    )
    op.create_index(
        op.f("ix_published_objects_module_last_updated_published_id"),
        "published_objects",
        ["module", "last_updated", "published_id"],
    )
    op.create_index(op.f("ix_published_objects_module_source"), "published_objects", ["module", "source"])
    op.create_table(
        "published_audiences",
        sa.Column("published_id", sa.BigInteger(), nullable=False),
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["published_id"],
            ["published_objects.published_id"],
            name=op.f("fk_published_audiences_published_id_published_objects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("published_id", "country_code", "party_id", name=op.f("pk_published_audiences")),
    )
    op.create_index(
        op.f("ix_published_audiences_country_code_party_id_published_id"),
        "published_audiences",
        ["country_code", "party_id", "published_id"],
    )
    op.create_table(
        "published_receipts",
        sa.Column("published_id", sa.BigInteger(), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.partner_id"],
            name=op.f("fk_published_receipts_partner_id_partners"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["published_id"],
            ["published_objects.published_id"],
            name=op.f("fk_published_receipts_published_id_published_objects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("published_id", "partner_id", name=op.f("pk_published_receipts")),
    )
    op.create_index(op.f("ix_published_receipts_partner_id"), "published_receipts", ["partner_id"])
    op.create_table(
        "published_positions",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_published_positions")),
    )
    op.create_table(
        "partner_locations",
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("location_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.partner_id"],
            name=op.f("fk_partner_locations_partner_id_partners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("partner_id", "location_id", name=op.f("pk_partner_locations")),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    for table in (
        "partner_locations",
        "published_positions",
        "published_receipts",
        "published_audiences",
        "published_objects",
    ):
        op.drop_table(table)
