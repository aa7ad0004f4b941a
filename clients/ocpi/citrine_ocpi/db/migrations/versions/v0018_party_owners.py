"""Whose a party is, also after it has left: a hub that names it has it only once the operator agrees."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_SAME = "{0}.country_code = {1}.country_code AND {0}.party_id = {1}.party_id"

# Who is connected by itself.
_DIRECT = "SELECT country_code, party_id, partner_id FROM partner_parties"

# Who was behind a connection when its list of tokens was read.
_PULLED = "SELECT parties, partner_id FROM token_pulls WHERE parties <> ''"

# Who was sent sessions or CDRs of a party that only another partner says to be behind it.
_SENT = f"""
SELECT DISTINCT a.country_code, a.party_id, r.partner_id FROM hub_clients h
JOIN published_audiences a ON {_SAME.format("a", "h")}
JOIN published_objects o ON o.published_id = a.published_id AND o.module IN ('sessions', 'cdrs')
JOIN published_receipts r ON r.published_id = a.published_id
WHERE NOT EXISTS (SELECT 1 FROM hub_clients x WHERE {_SAME.format("x", "h")} AND x.partner_id = r.partner_id)
"""

# Who was named by a hub, by the first one to which the operator agrees.
_NAMED = """
SELECT h.country_code, h.party_id, h.partner_id FROM hub_clients h JOIN partners p ON p.partner_id = h.partner_id
ORDER BY CASE WHEN p.hub_consent_time IS NULL THEN 1 ELSE 0 END, h.create_time, h.partner_id
"""


def upgrade() -> None:
    """Go from the revision before to this one."""
    table = op.create_table(
        "party_owners",
        sa.Column("country_code", sa.String(length=2), nullable=False),
        sa.Column("party_id", sa.String(length=3), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("country_code", "party_id", name="pk_party_owners"),
    )
    op.create_index("ix_party_owners_partner_id", "party_owners", ["partner_id"])
    owners = _owners(op.get_bind())
    rows = [{"country_code": one[0], "party_id": one[1], "partner_id": owner} for one, owner in owners.items()]
    if rows:
        op.bulk_insert(table, rows)


def _owners(connection: sa.Connection) -> dict[tuple[str, str], str]:
    """Return whose parties are: what says that somebody is or was connected by itself comes before what hubs say."""

    def found(query: str) -> list[tuple[str, ...]]:
        return [tuple(row) for row in connection.execute(sa.text(query))]

    named = found(_NAMED)
    said_by_hubs = {*named}
    pulled = [(*party.split("-"), partner_id) for parties, partner_id in found(_PULLED) for party in parties.split(",")]
    by_itself = [one for one in pulled if one not in said_by_hubs]
    owners: dict[tuple[str, str], str] = {}
    for country_code, party_id, partner_id in (*sorted(found(_DIRECT)), *by_itself, *sorted(found(_SENT)), *named):
        owners.setdefault((country_code, party_id), partner_id)
    return owners


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("party_owners")
