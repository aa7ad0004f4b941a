"""Partners with their parties, endpoints and tokens, and our own parties."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "own_parties",
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("website", sa.String(length=255), nullable=False),
        sa.Column("logo", sa.String(length=255), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("country_code", "party_id", name=op.f("pk_own_parties")),
    )
    op.create_table(
        "partners",
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.String(length=8), nullable=True),
        sa.Column("is_raw", sa.Boolean(), nullable=False),
        sa.Column("versions_url", sa.String(length=255), nullable=False),
        sa.Column("token", sa.String(length=400), nullable=False),
        sa.Column("hub_country_code", sa.String(length=2), nullable=False),
        sa.Column("hub_party_id", sa.String(length=3), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("register_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspend_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_partners")),
    )
    op.create_table(
        "issued_tokens",
        sa.Column("token_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("is_invitation", sa.Boolean(), nullable=False),
        sa.Column("is_confirmed", sa.Boolean(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_use_time", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.partner_id"],
            name=op.f("fk_issued_tokens_partner_id_partners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_issued_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_issued_tokens_token_hash")),
    )
    op.create_index(
        op.f("ix_issued_tokens_partner_id_token_id"), "issued_tokens", ["partner_id", "token_id"], unique=False
    )
    op.create_table(
        "partner_endpoints",
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("url", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.partner_id"],
            name=op.f("fk_partner_endpoints_partner_id_partners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("partner_id", "module", "role", name=op.f("pk_partner_endpoints")),
    )
    op.create_table(
        "partner_parties",
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("business_details", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.partner_id"],
            name=op.f("fk_partner_parties_partner_id_partners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("country_code", "party_id", "role", name=op.f("pk_partner_parties")),
    )
    op.create_index(op.f("ix_partner_parties_partner_id"), "partner_parties", ["partner_id"], unique=False)


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index(op.f("ix_partner_parties_partner_id"), table_name="partner_parties")
    op.drop_table("partner_parties")
    op.drop_table("partner_endpoints")
    op.drop_index(op.f("ix_issued_tokens_partner_id_token_id"), table_name="issued_tokens")
    op.drop_table("issued_tokens")
    op.drop_table("partners")
    op.drop_table("own_parties")
