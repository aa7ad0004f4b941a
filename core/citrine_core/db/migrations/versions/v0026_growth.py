"""The outbox, commands and the history of connectors are partitioned on PostgreSQL, so that old rows are dropped."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0026"
down_revision = "0025"

_STATUS_KEY = ("tenant_id", "station_id", "status_time", "evse_id", "connector_id", "status")
_STATUS_COLUMNS = ", ".join((*_STATUS_KEY, "create_time"))

_KEYS = {
    "outbox": ("id",),
    "commands": ("tenant_id", "command_id"),
    "connector_statuses": _STATUS_KEY,
}
_FILL_FACTORS = {
    "answered_calls": 50,
    "api_keys": 50,
    "edges": 50,
    "station_sightings": 50,
    "connections": 70,
    "connectors": 70,
    "handshake_refusals": 70,
    "refusals": 70,
    "stations": 80,
    "transaction_costs": 80,
    "transactions": 80,
    "variables": 80,
}
"""Percent of a page that inserts fill. The rest is for new versions of its rows, which PostgreSQL writes beside the old
ones, without any change of an index, as long as their page has space."""

_INDEXES = {
    "outbox": (("tenant_id", "id"),),
    "commands": (("tenant_id", "station_id", "command_id"), ("state", "expire_time"), ("finish_time",)),
    "connector_statuses": (),
}


def upgrade() -> None:
    """Have what is stored become the first partition: of this day or month, and all before."""
    _move_sightings()
    op.add_column("transactions", sa.Column("events_removed_time", sa.DateTime(timezone=True), nullable=True))
    has_events = sa.text("settle_time IS NOT NULL AND events_removed_time IS NULL")
    op.create_index(
        "ix_transactions_settled_with_events",
        "transactions",
        ["settle_time"],
        sqlite_where=has_events,
        postgresql_where=has_events,
    )
    op.drop_index(op.f("ix_outbox_create_time"), table_name="outbox")
    if not _is_postgresql():
        _replace_statuses(
            "connector_statuses_by_key", sa.PrimaryKeyConstraint(*_STATUS_KEY, name="pk_connector_statuses_by_key")
        )
        return
    op.drop_constraint("pk_connector_statuses", "connector_statuses")
    op.drop_column("connector_statuses", "id")
    op.drop_constraint("uq_connector_statuses_change", "connector_statuses")
    op.create_primary_key("pk_connector_statuses", "connector_statuses", list(_STATUS_KEY))
    now = op.get_bind().execute(sa.select(sa.func.now())).scalar_one()
    days = (now - datetime(1970, 1, 1, tzinfo=UTC)).days
    _partition("outbox", "id", f"{now:%Y_%m_%d}", str((days + 1) << 32))
    next_month = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
    milliseconds = f"{(next_month - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1):012x}"
    _partition("commands", "command_id", f"{now:%Y_%m}", f"'{milliseconds[:8]}-{milliseconds[8:]}'")
    _partition("connector_statuses", "status_time", f"{now:%Y_%m}", f"'{next_month.isoformat()}'")
    op.execute("ALTER SEQUENCE outbox_id_seq OWNED BY outbox.id")
    for table, share in _FILL_FACTORS.items():
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {share})")


def downgrade() -> None:
    """Undo it."""
    number = sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)
    if _is_postgresql():
        op.execute("ALTER SEQUENCE outbox_id_seq OWNED BY NONE")
        for table in _KEYS:
            _merge(table)
        op.execute("ALTER SEQUENCE outbox_id_seq OWNED BY outbox.id")
        for table in _FILL_FACTORS:
            op.execute(f"ALTER TABLE {table} RESET (fillfactor)")
    unique = sa.UniqueConstraint(*_STATUS_KEY, name="uq_connector_statuses_change")
    _replace_statuses(
        "connector_statuses_by_id", number, sa.PrimaryKeyConstraint("id", name="pk_connector_statuses_by_id"), unique
    )
    op.create_index(op.f("ix_outbox_create_time"), "outbox", ["create_time"], unique=False)
    op.add_column("stations", sa.Column("last_seen_time", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE stations SET last_seen_time = (SELECT seen.last_seen_time FROM station_sightings AS seen"
        " WHERE seen.tenant_id = stations.tenant_id AND seen.station_id = stations.station_id)"
    )
    op.drop_table("station_sightings")
    op.drop_index("ix_transactions_settled_with_events", table_name="transactions")
    op.drop_column("transactions", "events_removed_time")


def _move_sightings() -> None:
    op.create_table(
        "station_sightings",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("last_seen_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", name=op.f("pk_station_sightings")),
    )
    op.execute(
        "INSERT INTO station_sightings (tenant_id, station_id, last_seen_time)"
        " SELECT tenant_id, station_id, last_seen_time FROM stations WHERE last_seen_time IS NOT NULL"
    )
    op.drop_column("stations", "last_seen_time")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _partition(table: str, column: str, suffix: str, end: str) -> None:
    """Put a partitioned table in the place of a table, which becomes its first partition.

    Args:
        table: The table.
        column: By which it is partitioned.
        suffix: Of the name of the partition: the period of now.
        end: First value of the column that belongs to the next period.
    """
    old = f"{table}_{suffix}"
    op.rename_table(table, old)
    for index in _indexes_of(old):
        op.execute(f"ALTER INDEX {index} RENAME TO {index}_{suffix}")
    op.execute(f"CREATE TABLE {table} (LIKE {old} INCLUDING DEFAULTS) PARTITION BY RANGE ({column})")
    _create_indexes(table)
    op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    # Of clocks that are ahead.
    op.execute(
        f"WITH moved AS (DELETE FROM {old} WHERE {column} >= {end} RETURNING *)"
        f" INSERT INTO {table}_default SELECT * FROM moved"
    )
    op.execute(f"ALTER TABLE {table} ATTACH PARTITION {old} FOR VALUES FROM (MINVALUE) TO ({end})")


def _merge(table: str) -> None:
    op.execute(f"CREATE TABLE {table}_whole (LIKE {table} INCLUDING DEFAULTS)")
    op.execute(f"INSERT INTO {table}_whole SELECT * FROM {table}")
    op.drop_table(table)
    op.rename_table(f"{table}_whole", table)
    _create_indexes(table)


def _indexes_of(table: str) -> list[str]:
    query = sa.text("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = :of")
    return list(op.get_bind().scalars(query, {"of": table}))


def _create_indexes(table: str) -> None:
    op.create_primary_key(f"pk_{table}", table, list(_KEYS[table]))
    for columns in _INDEXES[table]:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _replace_statuses(name: str, *key: sa.Column[int] | sa.Constraint) -> None:
    op.create_table(
        name,
        *(one for one in key if isinstance(one, sa.Column)),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("status_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("connector_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        *(one for one in key if isinstance(one, sa.Constraint)),
    )
    op.execute(
        f"INSERT INTO {name} ({_STATUS_COLUMNS}) SELECT {_STATUS_COLUMNS} FROM connector_statuses"
        " ORDER BY create_time, status_time"
    )
    op.drop_table("connector_statuses")
    op.rename_table(name, "connector_statuses")
    if _is_postgresql():
        op.execute(f"ALTER INDEX pk_{name} RENAME TO pk_connector_statuses")
        op.execute(f"ALTER SEQUENCE {name}_id_seq RENAME TO connector_statuses_id_seq")
