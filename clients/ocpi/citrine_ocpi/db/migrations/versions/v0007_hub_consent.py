"""Which partners may be hubs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.add_column("partners", sa.Column("hub_consent_time", sa.DateTime(timezone=True), nullable=True))
    # Those that are hubs already remain so.
    op.execute(
        "UPDATE partners SET hub_consent_time = create_time WHERE hub_party_id <> '' OR EXISTS"
        " (SELECT 1 FROM partner_parties p WHERE p.partner_id = partners.partner_id AND p.role = 'HUB')"
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("partners", "hub_consent_time")
