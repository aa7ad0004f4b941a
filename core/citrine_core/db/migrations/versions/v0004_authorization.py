"""Rules of tokens, how tenants decide on them, and local authorization lists."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0004"
down_revision = "0003"

_COLUMNS = ("second_language", "cache_time", "message", "rules")


def upgrade() -> None:
    """Add them."""
    with op.batch_alter_table("tokens") as table:
        table.add_column(sa.Column("second_language", sa.String(8), nullable=False, server_default=""))
        table.add_column(sa.Column("cache_time", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("message", sa.String(512), nullable=False, server_default=""))
        table.add_column(sa.Column("rules", sa.LargeBinary(), nullable=True))
    with op.batch_alter_table("tokens") as table:
        for name in ("second_language", "message"):
            table.alter_column(name, server_default=None)
    op.create_table(
        "authorization_settings",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("master_pass_group_id", sa.String(36), nullable=False),
        sa.Column("contract_roots", sa.Text(), nullable=False),
        sa.Column("ocsp_hosts", sa.Text(), nullable=False),
        sa.Column("authorizer_address", sa.String(255), nullable=False),
        sa.Column("authorizer_tls", sa.Boolean(), nullable=False),
        sa.Column("authorizer_ca_certificates", sa.Text(), nullable=False),
        sa.Column("authorizer_credential", sa.String(1000), nullable=False),
        sa.Column("authorizer_ask", sa.Integer(), nullable=False),
        sa.Column("authorizer_timeout", sa.Integer(), nullable=True),
        sa.Column("authorizer_offline_policy", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenants.tenant_id"],
            name=op.f("fk_authorization_settings_tenant_id_tenants"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_authorization_settings")),
    )
    op.create_table(
        "local_lists",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("keep_in_step", sa.Boolean(), nullable=False),
        sa.Column("group_ids", sa.Text(), nullable=False),
        sa.Column("include_refused", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("sent_version", sa.Integer(), nullable=False),
        sa.Column("refresh", sa.Boolean(), nullable=False),
        sa.Column("claim_id", sa.String(36), nullable=True),
        sa.Column("claim_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_version", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirm_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", name=op.f("pk_local_lists")),
    )
    op.create_index(op.f("ix_local_lists_next_time"), "local_lists", ["next_time"], unique=False)
    op.create_table(
        "local_list_entries",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("lookup", sa.String(255), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("id_token", sa.String(255), nullable=False),
        sa.Column("wanted", sa.LargeBinary(), nullable=True),
        sa.Column("held", sa.LargeBinary(), nullable=True),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "lookup", "type", name=op.f("pk_local_list_entries")),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("local_list_entries")
    op.drop_index(op.f("ix_local_lists_next_time"), table_name="local_lists")
    op.drop_table("local_lists")
    op.drop_table("authorization_settings")
    with op.batch_alter_table("tokens") as table:
        for name in reversed(_COLUMNS):
            table.drop_column(name)
