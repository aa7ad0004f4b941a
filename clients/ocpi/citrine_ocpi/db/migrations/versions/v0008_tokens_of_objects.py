"""The token that an object is of, by which it is found when the token is erased."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.add_column("published_objects", sa.Column("token_lookup", sa.String(length=36), nullable=True))
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    uid = "bodies #>> '{2.3.0,cdr_token,uid}'" if is_postgresql else "json_extract(bodies, '$.\"2.3.0\".cdr_token.uid')"
    op.execute(f"UPDATE published_objects SET token_lookup = lower({uid}) WHERE module IN ('sessions', 'cdrs')")
    op.create_index("ix_published_objects_token_lookup", "published_objects", ["token_lookup"])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index("ix_published_objects_token_lookup", table_name="published_objects")
    op.drop_column("published_objects", "token_lookup")
