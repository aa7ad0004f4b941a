"""Partners, what waits for them, and how far events were followed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "feeds",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=200), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("follower_id", sa.String(length=36), nullable=False),
        sa.Column("lease_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feeds")),
    )
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
        "circuits",
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name=op.f("fk_circuits_partner_id_partners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_circuits")),
    )
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("module", sa.String(length=32), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("order_key", sa.String(length=200), nullable=False),
        sa.Column("method", sa.String(length=6), nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("routing", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dead_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name=op.f("fk_deliveries_partner_id_partners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["partner_id", "due_time"],
        unique=False,
        sqlite_where=sa.text("dead_time IS NULL"),
        postgresql_where=sa.text("dead_time IS NULL"),
    )
    op.create_index("ix_deliveries_order", "deliveries", ["partner_id", "order_key", "delivery_id"], unique=False)
    op.create_index(
        "uq_deliveries_object",
        "deliveries",
        ["partner_id", "object_key"],
        unique=True,
        sqlite_where=sa.text("dead_time IS NULL"),
        postgresql_where=sa.text("dead_time IS NULL"),
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
    op.drop_index(
        "uq_deliveries_object",
        table_name="deliveries",
        sqlite_where=sa.text("dead_time IS NULL"),
        postgresql_where=sa.text("dead_time IS NULL"),
    )
    op.drop_index("ix_deliveries_order", table_name="deliveries")
    op.drop_index(
        "ix_deliveries_due",
        table_name="deliveries",
        sqlite_where=sa.text("dead_time IS NULL"),
        postgresql_where=sa.text("dead_time IS NULL"),
    )
    op.drop_table("deliveries")
    op.drop_table("circuits")
    op.drop_table("partners")
    op.drop_table("own_parties")
    op.drop_table("feeds")
