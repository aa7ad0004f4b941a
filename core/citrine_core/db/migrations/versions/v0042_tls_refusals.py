"""TLS handshakes that failed are refusals, too: by where they came from, as nobody said which station it is."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0042"
down_revision = "0041"

_TABLE = "handshake_refusals"
_KEY = ["tenant_id", "station_id", "unknown_tenant_id"]


def upgrade() -> None:
    """Add the source to the key, and what TLS says."""
    with op.batch_alter_table(_TABLE, recreate=_recreate()) as batch:
        batch.add_column(sa.Column("source", sa.String(length=45), nullable=False, server_default=""))
        batch.add_column(sa.Column("detail", sa.String(length=100), nullable=False, server_default=""))
        batch.drop_constraint(f"pk_{_TABLE}", type_="primary")
        batch.create_primary_key(f"pk_{_TABLE}", [*_KEY, "source"])
    with op.batch_alter_table(_TABLE) as batch:
        for name in ("source", "detail"):
            batch.alter_column(name, server_default=None)


def downgrade() -> None:
    """Forget them."""
    op.execute(f"DELETE FROM {_TABLE} WHERE source <> ''")
    with op.batch_alter_table(_TABLE, recreate=_recreate()) as batch:
        batch.drop_constraint(f"pk_{_TABLE}", type_="primary")
        batch.create_primary_key(f"pk_{_TABLE}", _KEY)
        batch.drop_column("source")
        batch.drop_column("detail")


def _recreate() -> Literal["always", "never"]:
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"
