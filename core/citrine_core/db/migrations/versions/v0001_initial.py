"""The first schema.

Of the tables that are partitioned on PostgreSQL it makes the default partition; those of the months are added by
citrine_core.db.partitions.
"""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0001"
down_revision = None

_TABLES = (
    "commands",
    "connections",
    "connector_statuses",
    "connectors",
    "data_transfers",
    "edges",
    "handled_messages",
    "outbox",
    "outbox_state",
    "poisoned_messages",
    "probe",
    "report_parts",
    "report_runs",
    "samples",
    "security_events",
    "station_events",
    "tenants",
    "transaction_events",
    "transactions",
    "variables",
    "api_keys",
    "stations",
    "tokens",
)


def upgrade() -> None:
    """Create all tables, and the default tenant."""
    _create_commands()
    _create_connections()
    _create_connector_statuses()
    _create_connectors()
    _create_data_transfers()
    _create_edges()
    _create_handled_messages()
    _create_outbox()
    _create_outbox_state()
    _create_poisoned_messages()
    _create_probe()
    _create_report_parts()
    _create_report_runs()
    _create_samples()
    _create_security_events()
    _create_station_events()
    _create_tenants()
    _create_transaction_events()
    _create_transactions()
    _create_variables()
    _create_api_keys()
    _create_stations()
    _create_tokens()
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE TABLE samples_default PARTITION OF samples DEFAULT")
    tenants = sa.table("tenants", sa.column("tenant_id"), sa.column("display_name"), sa.column("create_time"))
    op.execute(
        tenants.insert().values(tenant_id="default", display_name="Default", create_time=sa.func.current_timestamp())
    )


def downgrade() -> None:
    """Drop all tables."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_commands() -> None:
    op.create_table(
        "commands",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("command_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("is_native", sa.Boolean(), nullable=False),
        sa.Column("secret_payload", sa.Text(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column("error_code", sa.String(length=100), nullable=False),
        sa.Column("error_description", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("timeout", sa.Integer(), nullable=False),
        sa.Column("when_online", sa.Boolean(), nullable=False),
        sa.Column("core_id", sa.String(length=36), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("send_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finish_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "command_id", name=op.f("pk_commands")),
    )
    op.create_index(op.f("ix_commands_state_expire_time"), "commands", ["state", "expire_time"], unique=False)
    op.create_index(
        op.f("ix_commands_tenant_id_station_id_command_id"),
        "commands",
        ["tenant_id", "station_id", "command_id"],
        unique=False,
    )


def _create_connections() -> None:
    op.create_table(
        "connections",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("edge_id", sa.String(length=36), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("ocpp_version", sa.Integer(), nullable=False),
        sa.Column("remote_address", sa.String(length=100), nullable=False),
        sa.Column("admit_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_code", sa.Integer(), nullable=True),
        sa.Column("close_reason", sa.String(length=125), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", name=op.f("pk_connections")),
    )
    op.create_index(op.f("ix_connections_edge_id_is_open"), "connections", ["edge_id", "is_open"], unique=False)


def _create_connector_statuses() -> None:
    op.create_table(
        "connector_statuses",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("status_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connector_statuses")),
        sa.UniqueConstraint(
            "tenant_id",
            "station_id",
            "status_time",
            "evse_id",
            "connector_id",
            "status",
            name="uq_connector_statuses_change",
        ),
    )


def _create_connectors() -> None:
    op.create_table(
        "connectors",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("connector_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("status_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("order_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "evse_id", "connector_id", name=op.f("pk_connectors")),
    )


def _create_data_transfers() -> None:
    op.create_table(
        "data_transfers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("vendor_id", sa.String(length=255), nullable=False),
        sa.Column("message_id", sa.String(length=50), nullable=True),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_transfers")),
    )
    op.create_index(op.f("ix_data_transfers_tenant_id_id"), "data_transfers", ["tenant_id", "id"], unique=False)
    op.create_index(
        op.f("ix_data_transfers_tenant_id_station_id_id"),
        "data_transfers",
        ["tenant_id", "station_id", "id"],
        unique=False,
    )


def _create_edges() -> None:
    op.create_table(
        "edges",
        sa.Column("edge_id", sa.String(length=36), nullable=False),
        sa.Column("software_version", sa.String(length=50), nullable=False),
        sa.Column("last_seen_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("edge_id", name=op.f("pk_edges")),
    )


def _create_handled_messages() -> None:
    op.create_table(
        "handled_messages",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
        sa.Column("handle_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "digest", name=op.f("pk_handled_messages")),
    )
    op.create_index(op.f("ix_handled_messages_handle_time"), "handled_messages", ["handle_time"], unique=False)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_outbox_create_time"), "outbox", ["create_time"], unique=False)
    op.create_index(op.f("ix_outbox_tenant_id_id"), "outbox", ["tenant_id", "id"], unique=False)


def _create_outbox_state() -> None:
    op.create_table(
        "outbox_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pruned_through", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_state")),
    )


def _create_poisoned_messages() -> None:
    op.create_table(
        "poisoned_messages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poisoned_messages")),
    )
    op.create_index(
        op.f("ix_poisoned_messages_tenant_id_station_id_id"),
        "poisoned_messages",
        ["tenant_id", "station_id", "id"],
        unique=False,
    )


def _create_probe() -> None:
    op.create_table(
        "probe",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("probe_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probe")),
    )


def _create_report_parts() -> None:
    op.create_table(
        "report_parts",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("request_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content_key", sa.String(length=32), nullable=False),
        sa.Column("variables", sa.Integer(), nullable=False),
        sa.Column("is_last", sa.Boolean(), nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "request_id", "seq_no", name=op.f("pk_report_parts")),
    )


def _create_report_runs() -> None:
    op.create_table(
        "report_runs",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("request_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("variables", sa.Integer(), nullable=False),
        sa.Column("last_seq_no", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "request_id", name=op.f("pk_report_runs")),
    )
    op.create_index(
        op.f("ix_report_runs_tenant_id_station_id_create_time_request_id"),
        "report_runs",
        ["tenant_id", "station_id", "create_time", "request_id"],
        unique=False,
    )


def _create_samples() -> None:
    op.create_table(
        "samples",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("sample_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("connector_id", sa.Integer(), nullable=True),
        sa.Column("transaction_id", sa.String(length=36), nullable=True),
        sa.Column("seq_no", sa.Integer(), nullable=True),
        sa.Column("measurand", sa.SmallInteger(), nullable=False),
        sa.Column("context", sa.SmallInteger(), nullable=True),
        sa.Column("phase", sa.SmallInteger(), nullable=True),
        sa.Column("location", sa.SmallInteger(), nullable=True),
        sa.Column("unit", sa.String(length=20), nullable=True),
        sa.Column("multiplier", sa.Integer(), nullable=True),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("extra", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint(
            "tenant_id", "station_id", "sample_time", "digest", "position", name=op.f("pk_samples")
        ),
        postgresql_partition_by="RANGE (sample_time)",
    )


def _create_security_events() -> None:
    op.create_table(
        "security_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("type", sa.String(length=50), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_events")),
    )
    op.create_index(op.f("ix_security_events_tenant_id_id"), "security_events", ["tenant_id", "id"], unique=False)
    op.create_index(
        op.f("ix_security_events_tenant_id_station_id_id"),
        "security_events",
        ["tenant_id", "station_id", "id"],
        unique=False,
    )


def _create_station_events() -> None:
    op.create_table(
        "station_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("component", sa.String(length=50), nullable=False),
        sa.Column("variable", sa.String(length=50), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_events")),
    )
    op.create_index(op.f("ix_station_events_tenant_id_id"), "station_events", ["tenant_id", "id"], unique=False)
    op.create_index(
        op.f("ix_station_events_tenant_id_station_id_id"),
        "station_events",
        ["tenant_id", "station_id", "id"],
        unique=False,
    )


def _create_tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("display_name", sa.String(length=255), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
    )


def _create_transaction_events() -> None:
    op.create_table(
        "transaction_events",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("seq_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_type", sa.SmallInteger(), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=True),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "station_id", "transaction_id", "seq_no", "digest", name=op.f("pk_transaction_events")
        ),
    )


def _create_transactions() -> None:
    op.create_table(
        "transactions",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("connector_id", sa.Integer(), nullable=True),
        sa.Column("id_token", sa.String(length=255), nullable=True),
        sa.Column("id_token_type", sa.String(length=20), nullable=True),
        sa.Column("id_token_lookup", sa.String(length=255), nullable=True),
        sa.Column("id_token_status", sa.SmallInteger(), nullable=True),
        sa.Column("charging_state", sa.SmallInteger(), nullable=True),
        sa.Column("power_w", sa.Double(), nullable=True),
        sa.Column("soc_percent", sa.Double(), nullable=True),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_reason", sa.SmallInteger(), nullable=True),
        sa.Column("remote_start_id", sa.Integer(), nullable=True),
        sa.Column("reservation_id", sa.Integer(), nullable=True),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("energy_wh", sa.Double(), nullable=True),
        sa.Column("meter_start_wh", sa.Double(), nullable=True),
        sa.Column("meter_last_wh", sa.Double(), nullable=True),
        sa.Column("meter_last_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("meter_base_wh", sa.Double(), nullable=True),
        sa.Column("meter_before_wh", sa.Double(), nullable=False),
        sa.Column("meter_began", sa.Boolean(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("seq_nos", sa.Integer(), nullable=False),
        sa.Column("first_seq_no", sa.Integer(), nullable=False),
        sa.Column("last_seq_no", sa.Integer(), nullable=False),
        sa.Column("last_event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_event_type", sa.SmallInteger(), nullable=False),
        sa.Column("last_digest", sa.BigInteger(), nullable=False),
        sa.Column("first_sample_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sample_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("orphaned", sa.Boolean(), nullable=False),
        sa.Column("total_cost", sa.Double(), nullable=True),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", "transaction_id", name=op.f("pk_transactions")),
    )
    op.create_index(
        "ix_transactions_open",
        "transactions",
        ["tenant_id", "station_id", "sequence"],
        unique=False,
        sqlite_where=sa.text("end_time IS NULL"),
        postgresql_where=sa.text("end_time IS NULL"),
    )
    op.create_index(
        op.f("ix_transactions_tenant_id_id_token_lookup"),
        "transactions",
        ["tenant_id", "id_token_lookup"],
        unique=False,
    )
    op.create_index(op.f("ix_transactions_tenant_id_sequence"), "transactions", ["tenant_id", "sequence"], unique=False)
    op.create_index(
        op.f("ix_transactions_tenant_id_station_id_sequence"),
        "transactions",
        ["tenant_id", "station_id", "sequence"],
        unique=False,
    )
    op.create_index(
        op.f("ix_transactions_tenant_id_transaction_id"), "transactions", ["tenant_id", "transaction_id"], unique=False
    )


def _create_variables() -> None:
    op.create_table(
        "variables",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("component", sa.String(length=50), nullable=False),
        sa.Column("component_instance", sa.String(length=50), nullable=False),
        sa.Column("evse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("connector_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("variable", sa.String(length=50), nullable=False),
        sa.Column("variable_instance", sa.String(length=50), nullable=False),
        sa.Column("attribute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.String(length=2500), nullable=True),
        sa.Column("mutability", sa.Integer(), nullable=True),
        sa.Column("persistent", sa.Boolean(), nullable=True),
        sa.Column("constant", sa.Boolean(), nullable=True),
        sa.Column("characteristics", sa.LargeBinary(), nullable=True),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id",
            "station_id",
            "component",
            "component_instance",
            "evse_id",
            "connector_id",
            "variable",
            "variable_instance",
            "attribute",
            name=op.f("pk_variables"),
        ),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(length=20), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=True),
        sa.Column("display_name", sa.String(length=100), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoke_time", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_api_keys_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_tenant_id_key_id"), "api_keys", ["tenant_id", "key_id"], unique=False)


def _create_stations() -> None:
    op.create_table(
        "stations",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("next_password_hash", sa.String(length=200), nullable=True),
        sa.Column("credential_version", sa.Integer(), nullable=False),
        sa.Column("allow_no_password", sa.Boolean(), nullable=False),
        sa.Column("boot_policy", sa.Integer(), nullable=False),
        sa.Column("boot_interval", sa.Integer(), nullable=True),
        sa.Column("registration", sa.Integer(), nullable=True),
        sa.Column("hardware", sa.LargeBinary(), nullable=True),
        sa.Column("boot_reason", sa.Integer(), nullable=True),
        sa.Column("boot_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_stations_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "station_id", name=op.f("pk_stations")),
    )


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("lookup", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("id_token", sa.String(length=255), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.String(length=255), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("master_pass", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("charging_priority", sa.Integer(), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_tokens_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "lookup", "type", name=op.f("pk_tokens")),
    )
    op.create_index(op.f("ix_tokens_tenant_id_group_id"), "tokens", ["tenant_id", "group_id"], unique=False)
