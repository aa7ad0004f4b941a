"""The device model knows no case, full inventories replace it, alerts are acknowledged, statuses follow the boot."""

from typing import Any

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0019"
down_revision = "0018"

_NAMES = ("component", "component_instance", "variable", "variable_instance")
_PLACE = ("evse_id", "connector_id", "attribute")
_DESCRIPTION = ("mutability", "persistent", "constant", "characteristics")
_ALERT_NAMES = ("component", "component_instance", "variable", "variable_instance")


def upgrade() -> None:
    """Merge variables and alerts that differ in their spelling alone, and add what is new."""
    _upgrade_variables()
    _upgrade_alerts()
    op.add_column("connectors", sa.Column("receive_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("report_runs", sa.Column("is_whole", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("tenants", sa.Column("asks_inventory", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("stations", sa.Column("inventory_due_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("stations", sa.Column("inventory_attempts", sa.Integer(), server_default="0", nullable=False))
    is_due = sa.text("inventory_due_time IS NOT NULL")
    op.create_index(
        "ix_stations_inventory_due",
        "stations",
        ["inventory_due_time"],
        unique=False,
        sqlite_where=is_due,
        postgresql_where=is_due,
    )


def downgrade() -> None:
    """Take it back; what was merged stays merged."""
    op.drop_index("ix_stations_inventory_due", table_name="stations")
    for table, column in (
        ("stations", "inventory_attempts"),
        ("stations", "inventory_due_time"),
        ("tenants", "asks_inventory"),
        ("report_runs", "is_whole"),
        ("connectors", "receive_time"),
        ("alerts", "acknowledge_note"),
        ("alerts", "acknowledged_by"),
        ("alerts", "acknowledge_time"),
        ("alerts", "order_time"),
    ):
        op.drop_column(table, column)
    columns = (*_NAMES, "evse_id", "connector_id", "attribute", "value", *_DESCRIPTION, "update_time")
    op.create_table(
        "variables_as_spelled",
        *_variable_columns(),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", *_NAMES, *_PLACE, name=op.f("pk_variables_as_spelled")),
    )
    names = ", ".join(("tenant_id", "station_id", *columns))
    op.execute(f"INSERT INTO variables_as_spelled ({names}) SELECT {names} FROM variables")
    _replace_variables("variables_as_spelled")


def _variable_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("connector_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attribute", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.String(length=50), nullable=False) for name in _NAMES),
        sa.Column("value", sa.String(length=2500), nullable=True),
        sa.Column("mutability", sa.Integer(), nullable=True),
        sa.Column("persistent", sa.Boolean(), nullable=True),
        sa.Column("constant", sa.Boolean(), nullable=True),
        sa.Column("characteristics", sa.LargeBinary(), nullable=True),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
    ]


def _upgrade_variables() -> None:
    op.create_table(
        "variables_by_key",
        *_variable_columns(),
        sa.Column("name_key", sa.String(length=203), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "name_key", *_PLACE, name=op.f("pk_variables_by_key")),
    )
    line = "chr(10)" if op.get_bind().dialect.name == "postgresql" else "char(10)"
    name_key = f" || {line} || ".join(f"lower({name})" for name in _NAMES)
    same = f"tenant_id, station_id, {name_key}, {', '.join(_PLACE)}"
    # Of several spellings the newest value counts, and the description of the newest that has one.
    newest = f"PARTITION BY {same} ORDER BY update_time DESC, {', '.join(_NAMES)}"
    described = f"PARTITION BY {same} ORDER BY (mutability IS NULL), update_time DESC, {', '.join(_NAMES)}"
    descriptions = ", ".join(f"first_value({name}) OVER ({described}) AS {name}" for name in (*_NAMES, *_DESCRIPTION))
    target = ("tenant_id", "station_id", "name_key", *_PLACE, *_NAMES, *_DESCRIPTION, "value", "update_time")
    names = ", ".join(target)
    op.execute(
        f"INSERT INTO variables_by_key ({names}) SELECT {names} FROM ("
        f"SELECT tenant_id, station_id, {name_key} AS name_key, {', '.join(_PLACE)}, {descriptions}, value,"
        f" update_time, row_number() OVER ({newest}) AS place FROM variables) AS spelled WHERE place = 1"
    )
    _replace_variables("variables_by_key")


def _replace_variables(table: str) -> None:
    op.drop_table("variables")
    op.rename_table(table, "variables")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX pk_{table} RENAME TO pk_variables")


def _upgrade_alerts() -> None:
    op.add_column("alerts", sa.Column("order_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("alerts", sa.Column("acknowledge_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("alerts", sa.Column("acknowledged_by", sa.String(length=100), nullable=True))
    op.add_column("alerts", sa.Column("acknowledge_note", sa.String(length=255), nullable=True))
    op.execute("UPDATE alerts SET order_time = event_time")
    row = "ctid" if op.get_bind().dialect.name == "postgresql" else "rowid"
    same = ", ".join(
        (
            "tenant_id",
            "station_id",
            *(f"lower({name})" for name in _ALERT_NAMES),
            "evse_id",
            "connector_id",
            "monitor_id",
        )
    )
    op.execute(
        f"DELETE FROM alerts WHERE {row} IN (SELECT old FROM (SELECT {row} AS old, row_number() OVER"
        f" (PARTITION BY {same} ORDER BY event_time DESC) AS place FROM alerts) AS spelled WHERE place > 1)"
    )
    op.execute(f"UPDATE alerts SET {', '.join(f'{name} = lower({name})' for name in _ALERT_NAMES)}")
