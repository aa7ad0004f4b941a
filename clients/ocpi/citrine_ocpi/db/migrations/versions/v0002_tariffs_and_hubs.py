"""Tariffs that partners were sent, and parties behind hubs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "sent_tariffs",
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("tariff_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("party", sa.String(length=6), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.partner_id"],
            name=op.f("fk_sent_tariffs_partner_id_partners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("partner_id", "tariff_id", name=op.f("pk_sent_tariffs")),
    )
    op.create_table(
        "hub_clients",
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name=op.f("fk_hub_clients_partner_id_partners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("partner_id", "country_code", "party_id", name=op.f("pk_hub_clients")),
    )
    op.create_index(op.f("ix_hub_clients_country_code_party_id"), "hub_clients", ["country_code", "party_id"])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index(op.f("ix_hub_clients_country_code_party_id"), table_name="hub_clients")
    op.drop_table("hub_clients")
    op.drop_table("sent_tariffs")
