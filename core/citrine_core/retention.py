"""How long the rows of each table are retained: by which setting, or why the table does not grow without end."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table, TextClause, delete, select, text, true, tuple_

from citrine_core.blocks.transactions.settlement import SettlementRepository
from citrine_core.blocks.transactions.stored_events import within_months
from citrine_core.db import UnitOfWork
from citrine_core.db.one_of import one_of
from citrine_core.db.tables import metadata
from citrine_core.resources.tenants import RemovedTenants
from citrine_core.resources.tenants.queries import list_tenant_ids

__all__ = ["BOUNDED", "ELSEWHERE", "OF_TRANSACTIONS", "SWEPT", "Rule", "find_old", "remove_old", "remove_transactions"]

logger = logging.getLogger(__name__)


class Rule(NamedTuple):
    """Which rows of a table go when."""

    setting: str
    """Setting that says how long they are retained."""
    time: str
    """Column of the time from which on that counts. NULL: it is not over yet. Empty: whenever the condition is true."""
    where: str = "TRUE"
    """Condition of the rows that are over."""


_WITHOUT_RUN = (
    "NOT EXISTS (SELECT 1 FROM report_runs AS run WHERE run.tenant_id = log_uploads.tenant_id"
    " AND run.station_id = log_uploads.station_id AND run.request_id = log_uploads.request_id)"
)

SWEPT: Mapping[str, Rule] = {
    "certificate_orders": Rule("activity_retention", "finish_time"),
    "charging_limits": Rule("activity_retention", "clear_time"),
    # Not pending, sent or awaiting a client.
    "charging_negotiations": Rule("activity_retention", "update_time", "state NOT IN (1, 2, 8)"),
    "charging_profile_queries": Rule("activity_retention", "create_time"),
    # Neither wanted nor accepted.
    "charging_profiles": Rule("activity_retention", "update_time", "state NOT IN (1, 2)"),
    "counted_transactions": Rule("statistics_retention", "end_time"),
    "data_transfers": Rule("activity_retention", "create_time"),
    # Neither requested nor set.
    "display_messages": Rule("activity_retention", "update_time", "state NOT IN (1, 2)"),
    "evse_downtimes": Rule("statistics_retention", "end_time"),
    "evse_services": Rule("statistics_retention", "end_time"),
    "firmware_publications": Rule("activity_retention", "finish_time"),
    "firmware_statuses": Rule("activity_retention", "receive_time"),
    "firmware_updates": Rule("activity_retention", "finish_time"),
    "log_uploads": Rule("report_retention", "", _WITHOUT_RUN),
    "issued_certificates": Rule("activity_retention", "valid_until"),
    "poisoned_messages": Rule("activity_retention", "create_time"),
    "remote_starts": Rule("activity_retention", "update_time"),
    "reservation_costs": Rule("billing_retention", "end_time"),
    "reservations": Rule("activity_retention", "expire_time"),
    "resets": Rule("activity_retention", "answer_time"),
    "rollups": Rule("statistics_retention", "bucket_time"),
    "security_events": Rule("activity_retention", "create_time"),
    "security_profile_upgrades": Rule("activity_retention", "finish_time"),
    "station_events": Rule("activity_retention", "create_time"),
}
"""Tables whose old rows are removed by what is here."""

OF_TRANSACTIONS = (
    "charge_records",
    "cost_corrections",
    "settlement_actions",
    "transaction_costs",
    "transaction_limits",
    "transaction_throttles",
    "transaction_checks",
    "transaction_events",
    "transactions",
)
"""Tables whose rows go with their transaction: by `billing_retention` after it was settled. Events may go before."""

ELSEWHERE: Mapping[str, str] = {
    "audit_records": "audit_retention",
    "operation_stations": "command_retention",
    "operations": "command_retention",
    "authorization_records": "history_retention",
    "commands": "command_retention",
    "connection_records": "history_retention",
    "connector_statuses": "connector_status_retention",
    "custom_messages": "custom_data_retention",
    "handled_messages": "deduplication_retention",
    "handshake_refusals": "refusal_retention",
    "outbox": "event_retention",
    "refusals": "refusal_retention",
    "report_parts": "report_retention",
    "report_runs": "report_retention",
    "samples": "meter_value_retention",
    "unmatched_ends": "transaction_event_retention",
}
"""Tables of which somebody else removes what is older than a setting."""

BOUNDED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("api_keys", "authorization_settings", "charging_capacities", "configuration_selectors", "configurations"),
            *("cost_settings", "firmware_campaign_stations", "firmware_campaigns", "locations", "named_edges"),
            *("station_groups", "station_labels", "stations", "stored_certificates", "tariff_assignments"),
            *("tariff_versions", "tariffs", "tenants", "token_owner_suspensions", "tokens", "tolerance_rules"),
        ),
        "what operators set up",
    ),
    **dict.fromkeys(
        (
            *("alerts", "answered_calls", "availabilities", "charging_plans", "client_certificates", "connections"),
            *("connectors", "installed_certificates", "local_list_entries", "local_lists", "monitorings", "monitors"),
            *("network_profiles", "provisionings", "station_sightings", "transaction_numbers", "variables"),
        ),
        "the present state of stations",
    ),
    "audit_checkpoints": "one for each chain",
    "charge_record_backfills": "two rows at most",
    "charge_record_heads": "one for each tenant",
    "due_charge_records": "removed once they are made",
    "erasures": "one for each person whose data was erased, with pseudonyms only",
    "early_charging_states": "removed after a month",
    "edges": "removed a day after they are gone",
    "idempotency_keys": "removed after a day",
    "leases": "removed a day after they ended",
    "location_evses": "one for each EVSE that ever was: its uid is never used again",
    "outbox_state": "one row",
    "probe": "one row",
    "statistics_cursor": "one row",
    "removed_tenants": "one for each tenant that ever was: its id is never used again",
}
"""Why other tables do not grow without end."""


async def find_old(work: UnitOfWork, name: str, before: datetime, limit: int) -> Sequence[Sequence[Any]]:
    """Return the keys of some rows of a table that are over since before a time."""
    table, rule = metadata().tables[name], SWEPT[name]
    key = list(table.primary_key.columns)
    is_old = _is_old(table, rule, before)
    if [column.name for column in key] != ["id"]:
        return (await work.session.execute(select(*key).where(*is_old).limit(limit))).all()
    # Ids grow with time: where the lowest of what is over are not old, none is, and a table of any size is not read.
    time = table.c[rule.time]
    over: list[ColumnElement[bool] | TextClause] = [text(rule.where)]
    if time.nullable:
        over.append(time.is_not(None))
    oldest = select(*key, (time < before).label("is_old")).where(*over).order_by(*key)
    rows = (await work.session.execute(oldest.limit(limit))).all()
    return [row[:1] for row in rows if row.is_old]


async def remove_old(work: UnitOfWork, name: str, keys: Sequence[Sequence[Any]], before: datetime) -> None:
    """Remove rows that `find_old` found, unless they changed meanwhile."""
    table, rule = metadata().tables[name], SWEPT[name]
    found = tuple_(*table.primary_key.columns).in_([tuple(key) for key in keys])
    await work.session.execute(delete(table).where(found, *_is_old(table, rule, before)))


def _is_old(table: Table, rule: Rule, before: datetime) -> list[ColumnElement[bool] | TextClause]:
    return [*([table.c[rule.time] < before] if rule.time else []), text(rule.where)]


async def remove_transactions(work: UnitOfWork, before: datetime, limit: int) -> bool:
    """Remove some transactions that were settled before a time with all that belongs to them; False: none was left."""
    session = work.session
    for tenant_id in (*await list_tenant_ids(session), *await RemovedTenants(session).list_ids()):
        keys = await SettlementRepository(session).find_settled_of(tenant_id, before, limit)
        if keys:
            in_partitions = {"transaction_events": await within_months(session, tenant_id, keys)}
            for name in OF_TRANSACTIONS:
                table = metadata().tables[name]
                of_them = one_of((table.c.station_id, table.c.transaction_id), keys), in_partitions.get(name, true())
                await session.execute(delete(table).where(table.c.tenant_id == tenant_id, *of_them))
            logger.info(
                "transactions that are older than their retention were removed, and their charge records",
                extra={"tenant_id": tenant_id, "count": len(keys)},
            )
            return True
    return False
