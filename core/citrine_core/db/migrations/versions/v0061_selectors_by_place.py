"""Selectors of configurations by location, group and label."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0061"
down_revision = "0060"

_KEY = ("tenant_id", "vendor", "model")

_PLACE = ("location_id", "station_group", "labels_digest")


def upgrade() -> None:
    """Make the table anew, for its key has more columns. An operator made its few rows."""
    rows = _taken("SELECT tenant_id, vendor, model, configuration_id FROM configuration_selectors")
    _create(
        [*_KEY, *_PLACE],
        # Until they are replaced, cores of the version before store selectors without them.
        sa.Column("location_id", sa.String(36), nullable=False, server_default=sa.text("''")),
        sa.Column("station_group", sa.String(63), nullable=False, server_default=sa.text("''")),
        sa.Column("labels_digest", sa.String(32), nullable=False, server_default=sa.text("''")),
        sa.Column("station_labels", sa.Text(), nullable=False, server_default=sa.text("''")),
    )
    _insert(rows, **dict.fromkeys([*_PLACE, "station_labels"], ""))


def downgrade() -> None:
    """Drop the columns, and the selectors that need them."""
    columns = "tenant_id, vendor, model, configuration_id"
    where = " AND ".join(f"{name} = ''" for name in _PLACE)
    rows = _taken(f"SELECT {columns} FROM configuration_selectors WHERE {where}")
    _create([*_KEY])
    _insert(rows)


def _taken(query: str) -> list[dict[str, str]]:
    rows = [dict(row) for row in op.get_bind().execute(sa.text(query)).mappings()]
    op.drop_table("configuration_selectors")
    return rows


def _create(key: list[str], *columns: sa.Column[str]) -> None:
    op.create_table(
        "configuration_selectors",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("vendor", sa.String(50), nullable=False),
        sa.Column("model", sa.String(20), nullable=False),
        *columns,
        sa.Column("configuration_id", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_configuration_selectors")),
    )
    op.create_index(
        op.f("ix_configuration_selectors_tenant_id_configuration_id"),
        "configuration_selectors",
        ["tenant_id", "configuration_id"],
    )


def _insert(rows: list[dict[str, str]], **values: str) -> None:
    if rows:
        names = [*rows[0], *values]
        table = sa.table("configuration_selectors", *(sa.column(name) for name in names))
        op.bulk_insert(table, [row | values for row in rows])
