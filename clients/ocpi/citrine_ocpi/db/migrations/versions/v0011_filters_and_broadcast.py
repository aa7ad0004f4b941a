"""Stations that partners see by their tags, and which hubs broadcast."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_LONGEST_TAG = 340


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "partner_tags",
        _of_partner(),
        sa.Column("tag", sa.String(length=_LONGEST_TAG), nullable=False),
        *_keys("partner_tags", "tag"),
    )
    op.create_table(
        "partner_filter_changes",
        _of_partner(),
        sa.Column("change_time", sa.DateTime(timezone=True), nullable=False),
        *_keys("partner_filter_changes"),
    )
    op.create_table(
        "published_tags",
        sa.Column("published_id", sa.BigInteger(), nullable=False),
        sa.Column("evse_uid", sa.String(length=36), nullable=False),
        sa.Column("tag", sa.String(length=_LONGEST_TAG), nullable=False),
        sa.ForeignKeyConstraint(
            ["published_id"],
            ["published_objects.published_id"],
            name=op.f("fk_published_tags_published_id_published_objects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("published_id", "evse_uid", "tag", name=op.f("pk_published_tags")),
    )
    op.create_index(op.f("ix_published_tags_tag_published_id"), "published_tags", ["tag", "published_id"])
    op.add_column("published_receipts", sa.Column("evses", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("sent_tariffs", sa.Column("receivers", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("partners", sa.Column("is_broadcast", sa.Boolean(), server_default=sa.false(), nullable=False))
    # Those that are hubs already were sent everything once.
    op.execute(sa.text("UPDATE partners SET is_broadcast = true WHERE hub_consent_time IS NOT NULL"))


def _of_partner() -> sa.Column[str]:
    return sa.Column("partner_id", sa.String(length=36), nullable=False)


def _keys(table: str, *columns: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name=op.f(f"fk_{table}_partner_id_partners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("partner_id", *columns, name=op.f(f"pk_{table}")),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("partners", "is_broadcast")
    op.drop_column("sent_tariffs", "receivers")
    op.drop_column("published_receipts", "evses")
    for table in ("published_tags", "partner_filter_changes", "partner_tags"):
        op.drop_table(table)
