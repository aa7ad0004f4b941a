"""What stations do not say (numbers of events, types of tokens), and what they say beside; allowed versions."""

import sqlalchemy as sa
from alembic import op

from citrine.ocpp.id_tags import MAX_ID_TAG, surrogate_of

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """Add the columns and tables, and compute the surrogates of tokens."""
    op.add_column("transactions", sa.Column("unnumbered", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("connectors", sa.Column("detail", sa.LargeBinary(), nullable=True))
    op.add_column("stations", sa.Column("allowed_versions", sa.String(length=100), nullable=True))
    op.add_column("tokens", sa.Column("surrogate", sa.String(length=20), nullable=True))
    _compute_surrogates()
    where = sa.text("surrogate IS NOT NULL")
    op.create_index(
        "ix_tokens_surrogate", "tokens", ["tenant_id", "surrogate"], sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "transaction_numbers",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("start_digest", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "start_digest", name=op.f("pk_transaction_numbers")),
        sa.UniqueConstraint(
            "tenant_id", "station_id", "number", name=op.f("uq_transaction_numbers_tenant_id_station_id_number")
        ),
    )
    op.create_table(
        "unmatched_ends",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "digest", name=op.f("pk_unmatched_ends")),
    )
    op.create_index(op.f("ix_unmatched_ends_tenant_id_receive_time"), "unmatched_ends", ["tenant_id", "receive_time"])


def _compute_surrogates() -> None:
    columns = [sa.column(name, sa.String) for name in ("tenant_id", "lookup", "type", "id_token", "surrogate")]
    tokens = sa.table("tokens", *columns)
    tenant_id, lookup, type_, id_token, _ = columns
    connection = op.get_bind()
    long = sa.select(tenant_id, lookup, type_, id_token).where(sa.func.length(id_token) > MAX_ID_TAG)
    rows = [
        {"b_tenant": row[0], "b_lookup": row[1], "b_type": row[2], "b_surrogate": surrogate_of(row[3], row[2])}
        for row in connection.execute(long)
    ]
    if rows:
        key = (
            tenant_id == sa.bindparam("b_tenant"),
            lookup == sa.bindparam("b_lookup"),
            type_ == sa.bindparam("b_type"),
        )
        connection.execute(sa.update(tokens).where(*key).values(surrogate=sa.bindparam("b_surrogate")), rows)


def downgrade() -> None:
    """Undo it."""
    op.drop_table("unmatched_ends")
    op.drop_table("transaction_numbers")
    op.drop_index("ix_tokens_surrogate", table_name="tokens")
    op.drop_column("tokens", "surrogate")
    op.drop_column("stations", "allowed_versions")
    op.drop_column("connectors", "detail")
    op.drop_column("transactions", "unnumbered")
