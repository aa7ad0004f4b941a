"""The party that each delivery is for, and the parties that hubs do not reach."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Go from the revision before to this one."""
    for name, length in (("receiver_country", 2), ("receiver_party", 3)):
        column = sa.Column(name, sa.String(length=length), server_default=sa.text("''"), nullable=False)
        op.add_column("deliveries", column)
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    header = "routing ->> '%s'" if is_postgresql else "json_extract(routing, '$.\"%s\"')"
    country, party = (f"coalesce({header % f'OCPI-to-{part}'}, '')" for part in ("country-code", "party-id"))
    op.execute(
        f"UPDATE deliveries SET receiver_country = substr({country}, 1, 2), receiver_party = substr({party}, 1, 3)"
    )
    op.create_table(
        "unreached_receivers",
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.partner_id"],
            name=op.f("fk_unreached_receivers_partner_id_partners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("partner_id", "country_code", "party_id", name=op.f("pk_unreached_receivers")),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("unreached_receivers")
    for name in ("receiver_party", "receiver_country"):
        op.drop_column("deliveries", name)
