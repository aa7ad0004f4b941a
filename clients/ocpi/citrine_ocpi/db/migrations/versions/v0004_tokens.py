"""Tokens of partners, how far their lists were read, and who was asked about them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "tokens",
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.Column("lookup", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("last_updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("country_code", "party_id", "lookup", "type", name=op.f("pk_tokens")),
    )
    op.create_table(
        "token_pulls",
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("register_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name=op.f("fk_token_pulls_partner_id_partners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_token_pulls")),
    )
    op.create_table(
        "authorizations",
        sa.Column("authorization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("lookup", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=255), nullable=False),
        sa.Column("reference", sa.String(length=36), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("authorization_id", name=op.f("pk_authorizations")),
    )
    op.create_index(
        "ix_authorizations_lookup_station_id_create_time", "authorizations", ["lookup", "station_id", "create_time"]
    )
    op.create_index("ix_authorizations_create_time", "authorizations", ["create_time"])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index("ix_authorizations_create_time", table_name="authorizations")
    op.drop_index("ix_authorizations_lookup_station_id_create_time", table_name="authorizations")
    op.drop_table("authorizations")
    op.drop_table("token_pulls")
    op.drop_table("tokens")
