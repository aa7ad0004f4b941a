"""Parties that partners named, and that the operator has not accepted yet."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Go from the revision before to this one. Parties that partners have remain theirs."""
    op.create_table(
        "waiting_parties",
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("business_details", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.partner_id"],
            name="fk_waiting_parties_partner_id_partners",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("partner_id", "country_code", "party_id", "role", name="pk_waiting_parties"),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("waiting_parties")
