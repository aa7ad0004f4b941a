"""Indexes by which lists are read, whatever they are filtered by."""

import sqlalchemy as sa
from alembic import op

from citrine_core.db.migrations.indexes import create_index, drop_superseded, is_late
from citrine_core.db.migrations.station_hardware import OF_HARDWARE, fill_stations

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0050"
down_revision = "0049"

_INDEXES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (
        "ix_transactions_open_latest",
        "transactions",
        ("tenant_id", "sequence"),
        "end_time IS NULL AND closed_time IS NULL",
    ),
    ("ix_transactions_unsettled", "transactions", ("tenant_id", "sequence"), "settle_time IS NULL"),
    (
        "ix_transactions_settled",
        "transactions",
        ("tenant_id", "settle_time", "station_id", "transaction_id"),
        "settle_time IS NOT NULL",
    ),
    ("ix_transaction_costs_priced", "transaction_costs", ("tenant_id", "sequence"), "tariff_id IS NOT NULL"),
    ("ix_transaction_costs_not_final", "transaction_costs", ("tenant_id", "sequence"), "state <> 3"),
    ("ix_cost_corrections_tenant_id_id", "cost_corrections", ("tenant_id", "id"), ""),
    (
        "ix_cost_corrections_of_unknown",
        "cost_corrections",
        ("tenant_id", "station_id", "transaction_id"),
        "replaced_after_tax IS NULL",
    ),
    ("ix_commands_tenant_id_action_command_id", "commands", ("tenant_id", "action", "command_id"), ""),
    ("ix_commands_tenant_id_requested_by_command_id", "commands", ("tenant_id", "requested_by", "command_id"), ""),
    ("ix_commands_not_answered", "commands", ("tenant_id", "state", "command_id"), "state <> 3"),
    (
        "ix_alerts_open",
        "alerts",
        (
            *("tenant_id", "station_id", "component", "component_instance", "evse_id", "connector_id"),
            *("variable", "variable_instance", "monitor_id"),
        ),
        "NOT is_cleared",
    ),
    ("ix_reservations_tenant_id_state_id", "reservations", ("tenant_id", "state", "id"), ""),
    ("ix_reservations_tenant_id_station_id_id", "reservations", ("tenant_id", "station_id", "id"), ""),
    ("ix_reservations_tenant_id_create_time_id", "reservations", ("tenant_id", "create_time", "id"), ""),
    ("ix_stations_held", "stations", ("tenant_id", "station_id"), "held_time IS NOT NULL"),
    ("ix_stations_never_booted", "stations", ("tenant_id", "station_id"), "boot_time IS NULL"),
    ("ix_stations_tenant_id_registration_station_id", "stations", ("tenant_id", "registration", "station_id"), ""),
    ("ix_stations_tenant_id_vendor_name_station_id", "stations", ("tenant_id", "vendor_name", "station_id"), ""),
    ("ix_stations_tenant_id_model_station_id", "stations", ("tenant_id", "model", "station_id"), ""),
    (
        "ix_stations_tenant_id_firmware_version_station_id",
        "stations",
        ("tenant_id", "firmware_version", "station_id"),
        "",
    ),
    ("ix_connections_tenant_id_is_open_station_id", "connections", ("tenant_id", "is_open", "station_id"), ""),
    (
        "ix_connections_tenant_id_ocpp_version_station_id",
        "connections",
        ("tenant_id", "ocpp_version", "station_id"),
        "",
    ),
    (
        "ix_connectors_not_available",
        "connectors",
        ("tenant_id", "status", "station_id", "evse_id", "connector_id"),
        "status <> 1",
    ),
    (
        "ix_station_events_tenant_id_event_time_id",
        "station_events",
        (
            "tenant_id",
            "event_time",
            "id",
        ),
        "",
    ),
    (
        "ix_security_events_tenant_id_type_id",
        "security_events",
        (
            "tenant_id",
            "type",
            "id",
        ),
        "",
    ),
    (
        "ix_security_events_tenant_id_event_time_id",
        "security_events",
        (
            "tenant_id",
            "event_time",
            "id",
        ),
        "",
    ),
    (
        "ix_data_transfers_tenant_id_vendor_id_id",
        "data_transfers",
        (
            "tenant_id",
            "vendor_id",
            "id",
        ),
        "",
    ),
    (
        "ix_data_transfers_tenant_id_create_time_id",
        "data_transfers",
        (
            "tenant_id",
            "create_time",
            "id",
        ),
        "",
    ),
    (
        "ix_custom_messages_tenant_id_action_id",
        "custom_messages",
        (
            "tenant_id",
            "action",
            "id",
        ),
        "",
    ),
    (
        "ix_custom_messages_tenant_id_receive_time_id",
        "custom_messages",
        (
            "tenant_id",
            "receive_time",
            "id",
        ),
        "",
    ),
    (
        "ix_remote_starts_tenant_id_state_create_time",
        "remote_starts",
        (
            "tenant_id",
            "state",
            "create_time",
        ),
        "",
    ),
    (
        "ix_firmware_updates_tenant_id_state_create_time",
        "firmware_updates",
        (
            "tenant_id",
            "state",
            "create_time",
        ),
        "",
    ),
    (
        "ix_settlement_actions_tenant_id_id",
        "settlement_actions",
        (
            "tenant_id",
            "id",
        ),
        "",
    ),
    (
        "ix_settlement_actions_tenant_id_author_id",
        "settlement_actions",
        (
            "tenant_id",
            "author",
            "id",
        ),
        "",
    ),
    (
        "ix_settlement_actions_tenant_id_kind_id",
        "settlement_actions",
        (
            "tenant_id",
            "kind",
            "id",
        ),
        "",
    ),
    (
        "ix_settlement_actions_tenant_id_create_time_id",
        "settlement_actions",
        (
            "tenant_id",
            "create_time",
            "id",
        ),
        "",
    ),
    (
        "ix_cost_corrections_tenant_id_author_id",
        "cost_corrections",
        (
            "tenant_id",
            "author",
            "id",
        ),
        "",
    ),
    (
        "ix_cost_corrections_tenant_id_reason_id",
        "cost_corrections",
        (
            "tenant_id",
            "reason",
            "id",
        ),
        "",
    ),
    (
        "ix_cost_corrections_tenant_id_create_time_id",
        "cost_corrections",
        (
            "tenant_id",
            "create_time",
            "id",
        ),
        "",
    ),
    (
        "ix_reservation_costs_tenant_id_id_token_lookup_start_time",
        "reservation_costs",
        (
            "tenant_id",
            "id_token_lookup",
            "start_time",
        ),
        "",
    ),
    (
        "ix_audit_records_tenant_id_create_time_record_id",
        "audit_records",
        (
            "tenant_id",
            "create_time",
            "record_id",
        ),
        "",
    ),
    (
        "ix_audit_records_tenant_id_caller_id_record_id",
        "audit_records",
        (
            "tenant_id",
            "caller_id",
            "record_id",
        ),
        "",
    ),
    (
        "ix_audit_records_tenant_id_method_record_id",
        "audit_records",
        (
            "tenant_id",
            "method",
            "record_id",
        ),
        "",
    ),
    (
        "ix_resets_tenant_id_id",
        "resets",
        (
            "tenant_id",
            "id",
        ),
        "",
    ),
    (
        "ix_resets_tenant_id_answer_time_id",
        "resets",
        (
            "tenant_id",
            "answer_time",
            "id",
        ),
        "",
    ),
    (
        "ix_poisoned_messages_tenant_id_id",
        "poisoned_messages",
        (
            "tenant_id",
            "id",
        ),
        "",
    ),
)
"""Name, table, columns and condition."""


def upgrade() -> None:
    """Add the indexes. Costs without a tariff, which are not listed, are in none."""
    for name, length in OF_HARDWARE.items():
        op.add_column("stations", sa.Column(name, sa.String(length=length), nullable=True))
    if not is_late("stations"):
        _fill_stations()
    for name, table, columns, condition in _INDEXES:
        create_index(name, table, columns, condition)
    drop_superseded("ix_transaction_costs_sequence", "transaction_costs")


def downgrade() -> None:
    """Undo them."""
    op.create_index("ix_transaction_costs_sequence", "transaction_costs", ["tenant_id", "sequence"])
    for name, table, _, _ in reversed(_INDEXES):
        op.drop_index(name, table)
    for name in OF_HARDWARE:
        op.drop_column("stations", name)


def _fill_stations() -> None:
    last: tuple[str, str] | None = ("", "")
    while last is not None:
        last = fill_stations(op.get_bind(), last)
