"""Tokens know their contract, their party, who decides on them, and when they changed."""

import sqlalchemy as sa
from alembic import op

from citrine_core.db.migrations.indexes import create_index, drop_superseded

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
)

NEVER = sa.text("'1970-01-01 00:00:00'")
"""Default of the time of the last change."""

PARTIAL: tuple[tuple[str, list[str], str], ...] = (
    ("ix_tokens_group", ["group_id"], "group_id <> ''"),
    ("ix_tokens_contract", ["contract_lookup"], "contract_lookup <> ''"),
    ("ix_tokens_owner", ["country_code", "party_id"], "party_id <> ''"),
    ("ix_tokens_invalid", [], "NOT valid"),
)


def upgrade() -> None:
    """Add the columns. Tokens of before changed with the upgrade, which gave them these fields."""
    for name, kind, default in COLUMNS:
        op.add_column("tokens", sa.Column(name, kind, server_default=default, nullable=False))
    op.add_column("tokens", sa.Column("valid_time", sa.DateTime(timezone=True), nullable=True))
    _add_update_time()
    drop_superseded("ix_tokens_tenant_id_group_id", "tokens")
    for name, columns, where in PARTIAL:
        create_index(name, "tokens", ["tenant_id", *columns, "lookup", "type"], where)
    create_index("ix_tokens_status", "tokens", ["tenant_id", "status", "lookup", "type"])
    create_index("ix_tokens_update_time", "tokens", ["tenant_id", "update_time", "lookup", "type"])


def _add_update_time() -> None:
    column = sa.Column("update_time", sa.DateTime(timezone=True), server_default=NEVER, nullable=False)
    if op.get_bind().dialect.name == "postgresql":
        # A default that the column begins with is written into no row, whatever their number.
        column.server_default = sa.DefaultClause(sa.text("CURRENT_TIMESTAMP"))
        op.add_column("tokens", column)
        op.alter_column("tokens", "update_time", server_default=NEVER)
    else:
        op.add_column("tokens", column)
        op.execute("UPDATE tokens SET update_time = strftime('%Y-%m-%d %H:%M:%f000', 'now')")


def downgrade() -> None:
    """Undo them."""
    for name in ("ix_tokens_update_time", "ix_tokens_status", *(name for name, _, _ in PARTIAL)):
        op.drop_index(name, "tokens")
    op.create_index("ix_tokens_tenant_id_group_id", "tokens", ["tenant_id", "group_id"])
    op.drop_column("tokens", "update_time")
    op.drop_column("tokens", "valid_time")
    for name, _, _ in reversed(COLUMNS):
        op.drop_column("tokens", name)
