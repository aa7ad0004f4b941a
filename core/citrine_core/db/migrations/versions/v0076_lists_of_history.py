"""Indexes of lists that went through the history of a tenant, and the actions of operations."""

import sqlalchemy as sa
from alembic import op
from google.protobuf.message import DecodeError

from citrine.api.v1.operations_pb2 import Operation
from citrine_core.db.migrations.indexes import create_index, drop_superseded

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0076"
down_revision = "0075"

_AT_ONCE = 100

_OPERATIONS = sa.table(
    "operations",
    *(sa.column(name, sa.String()) for name in ("tenant_id", "operation_id", "action")),
    *(sa.column(name, sa.LargeBinary()) for name in ("summary", "definition")),
)

_KEY = (_OPERATIONS.c.tenant_id, _OPERATIONS.c.operation_id)

_SUPERSEDED = "ix_security_profile_upgrades_tenant_id_station_id"

INDEXES = {
    "audit_records": {"object": "object, record_id"},
    "certificate_orders": {"station": "station_id, order_id", "state": "state, order_id"},
    "charging_limits": {"set": "set_time, id"},
    "charging_negotiations": {"created": "create_time, id", "transaction": "transaction_id, id"},
    "charging_profiles": {
        "created": "create_time, id",
        "state": "state, id",
        "transaction": "transaction_id, id",
    },
    "cost_corrections": {"transaction_id": "transaction_id, id"},
    "display_messages": {
        "created": "create_time, id",
        "station": "station_id, id",
        "state": "state, id",
        "priority": "priority, id",
        "shown_in": "shown_in, id",
    },
    "firmware_campaigns": {"in_state": "state, create_time, campaign_id"},
    "firmware_publications": {"station": "station_id, create_time", "state": "state, create_time"},
    "firmware_updates": {"station": "station_id, create_time", "campaign": "campaign_id, create_time"},
    "installed_certificates": {
        "type": "certificate_type, id",
        "serial_number": "serial_number, id",
        "expire_time": "expire_time, id",
    },
    "issued_certificates": {"station": "station_id, valid_from, fingerprint"},
    "local_lists": {"state": "state, station_id"},
    "operations": {
        "action": "action, create_time, operation_id",
        "requested_by": "created_by, create_time, operation_id",
    },
    "poisoned_messages": {"kind": "kind, id", "created": "create_time, id"},
    "provisionings": {"state": "state, station_id", "configuration": "configuration_id, station_id"},
    "refusals": {
        "station": "station_id, last_time",
        "action": "action, last_time",
        "outcome": "outcome, last_time",
    },
    "remote_starts": {"station": "station_id, create_time"},
    "report_runs": {"kind": "kind, create_time", "state": "state, create_time"},
    "reservation_costs": {"station": "station_id, start_time"},
    "security_events": {"station": "station_id, event_time, id"},
    "security_profile_upgrades": {"station": "station_id, upgrade_id", "state": "state, upgrade_id"},
    "settlement_actions": {"transaction_id": "transaction_id, id"},
    "station_events": {
        "station": "station_id, event_time, id",
        "component": "lower(component), id",
        "variable": "lower(variable), id",
    },
    "unmatched_ends": {"station": "station_id, receive_time"},
}
"""Columns behind the tenant of each index, by table and by the end of its name."""

PARTIAL = {
    "authorization_records": {"status": ("status, decide_time, id", "status <> 1")},
    "charging_limits": {"in_force": ("id", "clear_time IS NULL")},
    "transaction_costs": {"settled": ("settle_time, station_id, transaction_id", "settle_time IS NOT NULL")},
}
"""The same of the rows that meet a condition."""


def upgrade() -> None:
    """Add them."""
    op.add_column("operations", sa.Column("action", sa.String(length=50), nullable=True))
    _fill_actions(op.get_bind())
    drop_superseded(_SUPERSEDED, "security_profile_upgrades")
    for table, indexes in INDEXES.items():
        for name, columns in indexes.items():
            _create(table, name, columns)
    for table, partial in PARTIAL.items():
        for name, (columns, where) in partial.items():
            _create(table, name, columns, where)


def _fill_actions(connection: sa.Connection) -> None:
    """Write the action of each operation into its column: there are thousands at most, and summaries are small."""
    last: tuple[str, str] | None = ("", "")
    while last is not None:
        query = sa.select(*_KEY, sa.func.coalesce(_OPERATIONS.c.summary, _OPERATIONS.c.definition).label("content"))
        rows = connection.execute(query.where(sa.tuple_(*_KEY) > last).order_by(*_KEY).limit(_AT_ONCE)).all()
        for row in rows:
            of_it = (_KEY[0] == row.tenant_id, _KEY[1] == row.operation_id)
            connection.execute(sa.update(_OPERATIONS).where(*of_it).values(action=_action_in(bytes(row.content))))
        last = (rows[-1].tenant_id, rows[-1].operation_id) if rows else None


def _action_in(content: bytes) -> str | None:
    try:
        return Operation.FromString(content).action.WhichOneof("action")
    except DecodeError:
        # No upgrade fails because of what can't be read: the operation is found by what else is said of it.
        return None


def _create(table: str, name: str, columns: str, where: str = "") -> None:
    parts = [sa.text(part) if "(" in part else part for part in ("tenant_id", *columns.split(", "))]
    create_index(f"ix_{table}_{name}", table, parts, where)


def downgrade() -> None:
    """Undo them."""
    op.create_index(_SUPERSEDED, "security_profile_upgrades", ["tenant_id", "station_id"])
    for table, partial in PARTIAL.items():
        for name in partial:
            op.drop_index(f"ix_{table}_{name}", table)
    for table, indexes in INDEXES.items():
        for name in indexes:
            op.drop_index(f"ix_{table}_{name}", table)
    op.drop_column("operations", "action")
