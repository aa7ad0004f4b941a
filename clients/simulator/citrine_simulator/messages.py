"""Payloads of the messages of a station, as OCPP JSON. No I/O."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from citrine_simulator.clock import format_time
from citrine_simulator.config import StationConfig
from citrine_simulator.evse import Connector, Transaction

__all__ = [
    "boot_notification",
    "id_token",
    "meter_values",
    "notify_reports",
    "status_notification",
    "transaction_event",
]


def boot_notification(config: StationConfig, reason: str) -> dict[str, Any]:
    """Return a BootNotificationRequest (B01.FR.01, B01.FR.09)."""
    return {
        "reason": reason,
        "chargingStation": {
            "model": config.model,
            "vendorName": config.vendor,
            "serialNumber": config.serial_number,
            "firmwareVersion": config.firmware_version,
        },
    }


def status_notification(connector: Connector, status: str, now: datetime) -> dict[str, Any]:
    """Return a StatusNotificationRequest (G01)."""
    return {
        "timestamp": format_time(now),
        "connectorStatus": status,
        "evseId": connector.evse_id,
        "connectorId": connector.connector_id,
    }


def id_token(token: str, kind: str = "ISO14443") -> dict[str, Any]:
    """Return an IdToken."""
    return {"idToken": token, "type": kind}


def transaction_event(
    transaction: Transaction,
    event_type: str,
    trigger: str,
    now: datetime,
    offline: bool,
    samples: Sequence[Mapping[str, Any]] = (),
    token: Mapping[str, Any] | None = None,
    stopped_reason: str | None = None,
) -> dict[str, Any]:
    """Return the next TransactionEventRequest of a transaction, and increment its seqNo (E04.FR.04)."""
    timestamp = format_time(now)
    info: dict[str, Any] = {
        "transactionId": transaction.transaction_id,
        "chargingState": transaction.charging_state,
    }
    if stopped_reason is not None:
        info["stoppedReason"] = stopped_reason
    if transaction.remote_start_id is not None:
        info["remoteStartId"] = transaction.remote_start_id
        transaction.remote_start_id = None
    event: dict[str, Any] = {
        "eventType": event_type,
        "timestamp": timestamp,
        "triggerReason": trigger,
        "seqNo": transaction.seq_no,
        "transactionInfo": info,
        "evse": {"id": transaction.evse_id, "connectorId": transaction.connector_id},
    }
    if transaction.reservation_id is not None:
        event["reservationId"] = transaction.reservation_id
        transaction.reservation_id = None
    if offline:
        # E04.FR.03
        event["offline"] = True
    if samples:
        event["meterValue"] = [{"timestamp": timestamp, "sampledValue": list(samples)}]
    if token is not None:
        event["idToken"] = dict(token)
    transaction.seq_no += 1
    return event


def meter_values(evse_id: int, samples: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, Any]:
    """Return a MeterValuesRequest (J01)."""
    return {"evseId": evse_id, "meterValue": [{"timestamp": format_time(now), "sampledValue": list(samples)}]}


def notify_reports(
    request_id: int, data: Sequence[Mapping[str, Any]], part_size: int, now: datetime
) -> list[dict[str, Any]]:
    """Return the NotifyReportRequests of one report, at least one (B07.FR.10)."""
    parts = [data[start : start + part_size] for start in range(0, len(data), part_size)] or [[]]
    reports: list[dict[str, Any]] = []
    for seq_no, part in enumerate(parts):
        report: dict[str, Any] = {
            "requestId": request_id,
            "generatedAt": format_time(now),
            "seqNo": seq_no,
            "tbc": seq_no < len(parts) - 1,
        }
        if part:
            report["reportData"] = list(part)
        reports.append(report)
    return reports
