"""The messages of a station as OCPP 1.6 has them, from those of OCPP 2.x. No I/O."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from citrine_simulator.v16.connectors import ConnectorNumbers

__all__ = ["TO_DIAGNOSTICS", "UNSIGNED", "Request", "id_token_info", "request", "start", "stop", "transaction_values"]

Payload = Mapping[str, Any]

Request = tuple[str, dict[str, Any]]
"""An action of 1.6 and its payload."""

UNSIGNED = -1
"""requestId of an update by UpdateFirmware, which has none; others are by SignedUpdateFirmware."""

TO_DIAGNOSTICS = -1
"""requestId of an upload by GetDiagnostics, which has none; others are by GetLog."""

REGISTER = "Energy.Active.Import.Register"

_REASONS = frozenset({
    *("DeAuthorized", "EmergencyStop", "EVDisconnected", "HardReset", "Local", "Other", "PowerLoss", "Reboot"),
    *("Remote", "SoftReset", "UnlockCommand"),
})  # fmt: skip

_SECURITY_EVENTS = {
    "InvalidChargingStationCertificate": "InvalidChargePointCertificate",
    "InvalidCsmsCertificate": "InvalidCentralSystemCertificate",
}
"""Security events that have another name in 1.6 (whitepaper, chapter 8)."""

_FIRMWARE = frozenset({
    *("Downloaded", "DownloadFailed", "Downloading", "Idle", "InstallationFailed", "Installing", "Installed"),
})  # fmt: skip
"""FirmwareStatus. The other steps of an update are not reported."""

_DIAGNOSTICS = {"Idle": "Idle", "Uploading": "Uploading", "Uploaded": "Uploaded", "UploadFailure": "UploadFailed"}
"""DiagnosticsStatus by UploadLogStatusEnumType. Other statuses are not reported."""


def request(action: str, payload: Payload, connectors: ConnectorNumbers) -> Request | None:
    """Return a message that is not about a transaction. None: 1.6 has none for it."""
    convert = _CONVERSIONS.get(action)
    return None if convert is None else convert(payload, connectors)


def start(event: Payload, connectors: ConnectorNumbers) -> Request:
    """Return the StartTransaction for a TransactionEvent Started."""
    payload: dict[str, Any] = {
        "connectorId": _connector(event, connectors),
        "idTag": event["idToken"]["idToken"],
        "meterStart": _register(event),
        "timestamp": event["timestamp"],
    }
    if "reservationId" in event:
        payload["reservationId"] = event["reservationId"]
    return "StartTransaction", payload


def transaction_values(event: Payload, number: int, connectors: ConnectorNumbers) -> Request | None:
    """Return the MeterValues for a TransactionEvent Updated. None: it has no samples."""
    values = _meter_values(event)
    if not values:
        return None
    connector = _connector(event, connectors)
    return "MeterValues", {"connectorId": connector, "transactionId": number, "meterValue": values}


def stop(event: Payload, number: int) -> Request:
    """Return the StopTransaction for a TransactionEvent Ended."""
    reason = event["transactionInfo"].get("stoppedReason", "Local")
    payload: dict[str, Any] = {
        "transactionId": number,
        "meterStop": _register(event),
        "timestamp": event["timestamp"],
        "reason": reason if reason in _REASONS else "Other",
    }
    if "idToken" in event:
        payload["idTag"] = event["idToken"]["idToken"]
    values = _meter_values(event)
    if any(one.get("measurand") != REGISTER for value in values for one in value["sampledValue"]):
        # The register alone is in meterStop.
        payload["transactionData"] = values
    return "StopTransaction", payload


def id_token_info(answer: Payload) -> dict[str, Any]:
    """Return the idTokenInfo for an answer with an idTagInfo; empty without one."""
    info = answer.get("idTagInfo")
    if info is None:
        return {}
    result: dict[str, Any] = {"status": info["status"]}
    if "parentIdTag" in info:
        result["groupIdToken"] = {"idToken": info["parentIdTag"], "type": "ISO14443"}
    if "expiryDate" in info:
        result["cacheExpiryDateTime"] = info["expiryDate"]
    return {"idTokenInfo": result}


def _boot(payload: Payload, connectors: ConnectorNumbers) -> Request:
    station = payload["chargingStation"]
    return "BootNotification", {
        "chargePointVendor": station["vendorName"][:20],
        "chargePointModel": station["model"],
        "chargePointSerialNumber": station["serialNumber"],
        "firmwareVersion": station["firmwareVersion"],
    }


def _status(payload: Payload, connectors: ConnectorNumbers) -> Request:
    status = payload["connectorStatus"]
    return "StatusNotification", {
        "connectorId": connectors.of(payload["evseId"], payload["connectorId"]),
        "errorCode": "OtherError" if status == "Faulted" else "NoError",
        "status": status,
        "timestamp": payload["timestamp"],
    }


def _meter(payload: Payload, connectors: ConnectorNumbers) -> Request:
    return "MeterValues", {"connectorId": connectors.of(payload["evseId"], 1), "meterValue": _meter_values(payload)}


def _firmware(payload: Payload, connectors: ConnectorNumbers) -> Request | None:
    status, request_id = payload["status"], payload.get("requestId", UNSIGNED)
    if request_id != UNSIGNED:
        return "SignedFirmwareStatusNotification", {"status": status, "requestId": request_id}
    return ("FirmwareStatusNotification", {"status": status}) if status in _FIRMWARE else None


def _security_event(payload: Payload, connectors: ConnectorNumbers) -> Request:
    kind = payload["type"]
    return "SecurityEventNotification", {**payload, "type": _SECURITY_EVENTS.get(kind, kind)}


def _log(payload: Payload, connectors: ConnectorNumbers) -> Request | None:
    if payload.get("requestId") != TO_DIAGNOSTICS:
        return "LogStatusNotification", dict(payload)
    status = _DIAGNOSTICS.get(payload["status"])
    return None if status is None else ("DiagnosticsStatusNotification", {"status": status})


_CONVERSIONS: Mapping[str, Callable[[Payload, ConnectorNumbers], Request | None]] = {
    "Authorize": lambda payload, _: ("Authorize", {"idTag": payload["idToken"]["idToken"]}),
    "BootNotification": _boot,
    "FirmwareStatusNotification": _firmware,
    "Heartbeat": lambda payload, _: ("Heartbeat", {}),
    "LogStatusNotification": _log,
    "MeterValues": _meter,
    "SecurityEventNotification": _security_event,
    "SignCertificate": lambda payload, _: ("SignCertificate", {"csr": payload["csr"]}),
    "StatusNotification": _status,
}
"""Messages by their action in 2.x. 1.6 has no message for the others, as for ReservationStatusUpdate."""


def _connector(event: Payload, connectors: ConnectorNumbers) -> int:
    return connectors.of(event["evse"]["id"], event["evse"]["connectorId"])


def _register(event: Payload) -> int:
    """Return the register of an event in Wh; 0 where a fault took it away."""
    samples = (one for value in event.get("meterValue", ()) for one in value["sampledValue"])
    return next((round(one["value"]) for one in samples if one.get("measurand") == REGISTER), 0)


def _meter_values(payload: Payload) -> list[dict[str, Any]]:
    return [
        {"timestamp": value["timestamp"], "sampledValue": [_sample(one) for one in value["sampledValue"]]}
        for value in payload.get("meterValue", ())
    ]


def _sample(sample: Payload) -> dict[str, Any]:
    """Return a SampledValue: its value is a text, its unit no object."""
    result = {name: value for name, value in sample.items() if name != "unitOfMeasure"}
    unit = sample.get("unitOfMeasure", {}).get("unit")
    return result | {"value": json.dumps(sample["value"])} | ({} if unit is None else {"unit": unit})
