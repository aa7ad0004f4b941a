"""What rows of the tables of records differ in, of which a list finds some and not the others."""

from tests.support.many_rows import Sql

__all__ = ["WRITTEN", "history_tables"]

WRITTEN = 20_000
"""Rows of each table. PostgreSQL believes that they are 500,000, and SQLite plans without knowing."""

FEW = "n <= 5"
"""The earliest rows, which a list that begins with the latest would find last."""


def _case(then: str, otherwise: str) -> str:
    return f"CASE WHEN {FEW} THEN {then} ELSE {otherwise} END"


def history_tables(sql: Sql) -> dict[str, dict[str, str]]:
    """Return the columns in which rows of each table differ."""
    numbered = {"id": "n", "station_id": "'CS-' || (n % 400)"}
    requested = {**numbered, "request_id": "n", "create_time": sql.time()}
    del requested["id"]
    unique = "printf('%036d', n)" if sql.is_sqlite else "lpad(n::text, 36, '0')"
    of_transaction = {"transaction_id": _case("'T-1'", "'T-' || n")}
    names = {"component": _case("'Fan'", "'EVSE'"), "variable": _case("'Speed'", "'Power'")}
    return {
        "station_events": {**numbered, **names, "event_time": sql.time()},
        "security_events": {**numbered, "type": _case("'Tamper'", "'Boot'"), "event_time": sql.time()},
        "poisoned_messages": {**numbered, "kind": _case("'Heartbeat'", "'Authorize'"), "create_time": sql.time()},
        "custom_messages": {
            **numbered,
            "content_key": "n",
            "action": _case("'Tap'", "'Ping'"),
            "receive_time": sql.time(),
        },
        "resets": {**numbered, "answer_time": sql.time()},
        "audit_records": {
            "record_id": unique,
            "number": "n",
            "create_time": sql.time(),
            "caller_id": _case("'bob'", "'console'"),
            "method": _case("'Delete'", "'Get'"),
            "object": "'station_id=CS-' || (n % 4000)",
        },
        "refusals": {
            "station_id": "'CS-' || (n % 400)",
            "path": "n",
            "action": _case("'Tap'", "'Heartbeat'"),
            "outcome": _case("2", "1"),
            "last_time": sql.time(),
        },
        "charging_limits": {**numbered, "clear_time": _case("NULL", sql.time()), "set_time": sql.time()},
        "charging_profiles": {
            **numbered,
            **of_transaction,
            "purpose": "4",
            "state": _case("2", "7"),
            "create_time": sql.time(),
        },
        "charging_negotiations": {**numbered, **of_transaction, "create_time": sql.time()},
        "display_messages": {
            **numbered,
            **of_transaction,
            "message_id": "n",
            "state": _case("2", "5"),
            "priority": _case("1", "3"),
            "shown_in": _case("1", "2"),
            "create_time": sql.time(),
        },
        "firmware_updates": {**requested, "state": _case("4", "11"), "campaign_id": _case("'C-1'", "NULL")},
        "firmware_publications": {**requested, "state": _case("4", "8")},
        "firmware_campaigns": {"campaign_id": "'C-' || n", "state": _case("1", "5"), "create_time": sql.time()},
        "report_runs": {**requested, "kind": _case("2", _half("1", "6")), "state": _case("4", "3")},
        "log_uploads": {"station_id": requested["station_id"], "request_id": "n"},
        "remote_starts": {
            "station_id": requested["station_id"],
            "remote_start_id": "n",
            "state": _case("1", "3"),
            "create_time": sql.time(),
        },
        "unmatched_ends": {"station_id": requested["station_id"], "digest": "n", "receive_time": sql.time()},
        "certificate_orders": {
            "order_id": sql.id(),
            "station_id": requested["station_id"],
            "csr_digest": "n",
            "state": _case("1", "4"),
            "create_time": sql.time(),
        },
        "issued_certificates": {"station_id": requested["station_id"], "fingerprint": "n", "valid_from": sql.time()},
        "security_profile_upgrades": {
            "upgrade_id": sql.id(),
            "station_id": requested["station_id"],
            "state": _case("1", "3"),
            "create_time": sql.time(),
        },
        "installed_certificates": {
            **numbered,
            "serial_number": "n",
            "fingerprint": "n",
            "certificate_type": _case("2", "1"),
            "expire_time": sql.time(),
        },
        "cost_corrections": {
            **numbered,
            "replaced_after_tax": "'1'",
            **of_transaction,
            "number": "n",
            "reason": _case("2", "1"),
            "author": _case("'bob'", "''"),
            "create_time": sql.time(),
        },
        "settlement_actions": {
            **numbered,
            **of_transaction,
            "kind": _case("2", "1"),
            "author": _case("'bob'", "''"),
            "create_time": sql.time(),
        },
        "reservation_costs": {
            "station_id": requested["station_id"],
            "reservation_id": "n",
            "id_token_lookup": "'card' || (n % 4000)",
            "start_time": sql.time(),
        },
        "provisionings": {
            "station_id": "'CS-' || n",
            "state": _case("2", "5"),
            "configuration_id": _case("'few'", "'most'"),
        },
        "operations": {
            "operation_id": "'O-' || n",
            "action": _case("'reset'", "'get_variables'"),
            "created_by": _case("'bob'", "'console'"),
            "create_time": sql.time(),
        },
        "transaction_costs": {
            "station_id": "'CS-' || (n % 400)",
            "transaction_id": "'T-' || n",
            "sequence": "n",
            "tariff_id": "'flat'",
            "state": "3",
            "settle_time": sql.time(),
        },
        "local_lists": {
            "station_id": "'CS-' || n",
            "state": _case("2", "1"),
            "version": _case("3", "4"),
            "confirm_time": sql.time(),
        },
    }


def _half(one: str, other: str) -> str:
    return f"CASE WHEN n % 2 = 0 THEN {one} ELSE {other} END"
