"""Tokens know their contract, their party, who decides on them, and when they changed."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0046"
down_revision = "0045"

COLUMNS = (
    ("contract_id", sa.String(36), sa.text("''")),
    ("contract_lookup", sa.String(36), sa.text("''")),
    ("issuer", sa.String(64), sa.text("''")),
    ("visual_number", sa.String(64), sa.text("''")),
    ("country_code", sa.String(2), sa.text("''")),
    ("party_id", sa.String(3), sa.text("''")),
    ("whitelist", sa.Integer(), "2"),
    ("charging_preference", sa.Integer(), "0"),
    ("valid", sa.Boolean(), sa.true()),
    ("update_time", sa.DateTime(timezone=True), sa.text("'1970-01-01 00:00:00'")),
)

PARTIAL: tuple[tuple[str, list[str], str], ...] = (
    ("ix_tokens_group", ["group_id"], "group_id <> ''"),
    ("ix_tokens_contract", ["contract_lookup"], "contract_lookup <> ''"),
    ("ix_tokens_owner", ["country_code", "party_id"], "party_id <> ''"),
    ("ix_tokens_invalid", [], "NOT valid"),
)


def upgrade() -> None:
    """Add the columns; what was not changed since is as old as its token."""
    for name, kind, default in COLUMNS:
        op.add_column("tokens", sa.Column(name, kind, server_default=default, nullable=False))
    op.add_column("tokens", sa.Column("valid_time", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE tokens SET update_time = create_time")
    op.drop_index("ix_tokens_tenant_id_group_id", "tokens")
    for name, columns, where in PARTIAL:
        condition = sa.text(where)
        op.create_index(
            name,
            "tokens",
            ["tenant_id", *columns, "lookup", "type"],
            postgresql_where=condition,
            sqlite_where=condition,
        )
    op.create_index("ix_tokens_status", "tokens", ["tenant_id", "status", "lookup", "type"])
    op.create_index("ix_tokens_update_time", "tokens", ["tenant_id", "update_time", "lookup", "type"])


def downgrade() -> None:
    """Take them back."""
    for name in ("ix_tokens_update_time", "ix_tokens_status", *(name for name, _, _ in PARTIAL)):
        op.drop_index(name, "tokens")
    op.create_index("ix_tokens_tenant_id_group_id", "tokens", ["tenant_id", "group_id"])
    op.drop_column("tokens", "valid_time")
    for name, _, _ in reversed(COLUMNS):
        op.drop_column("tokens", name)
