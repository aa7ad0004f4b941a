"""The canonical requests that a CALL of OCPP 1.6 becomes, by its action; pure functions of its payload.

What 1.6 says and the canonical message does not know, and what it leaves out, is in the supplement of the request.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1.link_pb2 import Supplement
from citrine.ocpp.actions import action_of
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest, StatusNotificationRequest
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest
from citrine.ocpp.v2.diagnostics_pb2 import (
    EVENT_NOTIFICATION_ENUM_HARD_WIRED_NOTIFICATION,
    EVENT_TRIGGER_ENUM_DELTA,
    LogStatusNotificationRequest,
    NotifyEventRequest,
)
from citrine.ocpp.v2.firmware_management_pb2 import FirmwareStatusNotificationRequest
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest
from citrine.ocpp.v2.provisioning_pb2 import BOOT_REASON_ENUM_UNKNOWN, BootNotificationRequest
from citrine.ocpp.v2.security_pb2 import (
    CERTIFICATE_SIGNING_USE_ENUM_CHARGING_STATION_CERTIFICATE,
    SecurityEventNotificationRequest,
    SignCertificateRequest,
)
from citrine.ocpp.v2.transactions_pb2 import (
    TRANSACTION_EVENT_ENUM_ENDED,
    TRANSACTION_EVENT_ENUM_STARTED,
    TRANSACTION_EVENT_ENUM_UPDATED,
    TRIGGER_REASON_ENUM_METER_VALUE_CLOCK,
    TRIGGER_REASON_ENUM_METER_VALUE_PERIODIC,
    TRIGGER_REASON_ENUM_TRIGGER,
    TransactionEventRequest,
)
from citrine.ocpp.v2.types_pb2 import (
    READING_CONTEXT_ENUM_SAMPLE_CLOCK,
    READING_CONTEXT_ENUM_TRANSACTION_BEGIN,
    READING_CONTEXT_ENUM_TRANSACTION_END,
    READING_CONTEXT_ENUM_TRIGGER,
)
from citrine_edge.dialects.exchanges import CanonicalRequest
from citrine_edge.dialects.v16 import meter_values, tables, values
from citrine_edge.ocppj import RpcError

__all__ = ["CUSTOM_DATA", "REQUESTS", "Payload", "Reading", "Translate"]

CUSTOM_DATA = "OCPP16"
"""vendorId of customData with what only OCPP 1.6 knows."""

Payload = Mapping[str, Any]


class Reading(NamedTuple):
    """What a translation knows beside the payload."""

    receive_time: Timestamp | None
    """When the message was read, for what says no time of its own."""
    left_out: list[RpcError]
    """Collects the defects of what is left out."""


Translate = Callable[[Payload, Reading], list[CanonicalRequest]]
"""From a payload that is valid by the schema."""

_STARTED, _UPDATED, _ENDED = 0, 1, 2
"""seqNo of events that stations do not number (link.proto, Supplement)."""

_UNNUMBERED = Supplement(unnumbered=True)
_NEW_TRANSACTION = Supplement(unnumbered=True, wants_transaction_number=True)

_CONTEXT_TRIGGERS: Mapping[int, int] = {
    READING_CONTEXT_ENUM_SAMPLE_CLOCK: TRIGGER_REASON_ENUM_METER_VALUE_CLOCK,
    READING_CONTEXT_ENUM_TRIGGER: TRIGGER_REASON_ENUM_TRIGGER,
}
"""Why a station sends meter values, by the context of the first sample; of others it is the period."""

_METER_FIELDS = ("meterType", "meterSerialNumber", "chargeBoxSerialNumber")


def _authorize(payload: Payload, _: Reading) -> list[CanonicalRequest]:
    return [_request(AuthorizeRequest, id_token=_token(payload["idTag"]))]


def _boot_notification(payload: Payload, _: Reading) -> list[CanonicalRequest]:
    serial_number = payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber")
    modem = {name: payload[name] for name in ("iccid", "imsi") if name in payload}
    station: dict[str, Any] = {
        "vendor_name": payload["chargePointVendor"],
        "model": payload["chargePointModel"],
        "serial_number": serial_number,
        "firmware_version": payload.get("firmwareVersion"),
        "modem": modem or None,
    }
    more = {name: payload[name] for name in _METER_FIELDS if name in payload and payload[name] != serial_number}
    custom_data = {"vendor_id": CUSTOM_DATA, "data": more} if more else None
    reason = BOOT_REASON_ENUM_UNKNOWN
    return [_request(BootNotificationRequest, charging_station=station, reason=reason, custom_data=custom_data)]


def _data_transfer(payload: Payload, _: Reading) -> list[CanonicalRequest]:
    data = payload.get("data")
    request = _request(
        DataTransferRequest,
        vendor_id=payload["vendorId"],
        message_id=payload.get("messageId"),
        data=None if data is None else {"string_value": data},
    )
    return [request]


def _diagnostics_status_notification(payload: Payload, _: Reading) -> list[CanonicalRequest]:
    return [_request(LogStatusNotificationRequest, status=tables.DIAGNOSTICS_STATUSES[payload["status"]])]


def _firmware_status_notification(payload: Payload, _: Reading) -> list[CanonicalRequest]:
    status, request_id = tables.FIRMWARE_STATUSES[payload["status"]], values.request_id(payload.get("requestId"))
    return [_request(FirmwareStatusNotificationRequest, status=status, request_id=request_id)]


def _heartbeat(_: Payload, __: Reading) -> list[CanonicalRequest]:
    return [_request(HeartbeatRequest)]


def _log_status_notification(payload: Payload, _: Reading) -> list[CanonicalRequest]:
    status, request_id = tables.LOG_STATUSES[payload["status"]], values.request_id(payload.get("requestId"))
    return [_request(LogStatusNotificationRequest, status=status, request_id=request_id)]


def _meter_values(payload: Payload, _: Reading) -> list[CanonicalRequest]:
    connector = values.connector_id(payload["connectorId"])
    number = payload.get("transactionId", 0)
    samples = meter_values.translated(payload["meterValue"], "/meterValue")
    if number <= 0 or not samples:
        # 0 and -1 name no transaction (errata 3.18, 3.54).
        return [_request(MeterValuesRequest, evse_id=connector, meter_value=samples)]
    context = samples[0]["sampled_value"][0].get("context", 0)
    request = _request(
        TransactionEventRequest,
        supplement=_UNNUMBERED,
        event_type=TRANSACTION_EVENT_ENUM_UPDATED,
        timestamp=meter_values.latest_time(samples),
        trigger_reason=_CONTEXT_TRIGGERS.get(context, TRIGGER_REASON_ENUM_METER_VALUE_PERIODIC),
        seq_no=_UPDATED,
        transaction_info={"transaction_id": values.transaction_id(number)},
        evse=_evse(connector),
        meter_value=samples,
    )
    return [request]


def _security_event_notification(payload: Payload, _: Reading) -> list[CanonicalRequest]:
    request = _request(
        SecurityEventNotificationRequest,
        type=tables.SECURITY_EVENTS.get(payload["type"], payload["type"]),
        timestamp=values.time(payload["timestamp"], "/timestamp"),
        tech_info=payload.get("techInfo"),
    )
    return [request]


def _sign_certificate(payload: Payload, _: Reading) -> list[CanonicalRequest]:
    use = CERTIFICATE_SIGNING_USE_ENUM_CHARGING_STATION_CERTIFICATE
    return [_request(SignCertificateRequest, csr=payload["csr"], certificate_type=use)]


def _start_transaction(payload: Payload, _: Reading) -> list[CanonicalRequest]:
    time = values.time(payload["timestamp"], "/timestamp")
    request = _request(
        TransactionEventRequest,
        supplement=_NEW_TRANSACTION,
        event_type=TRANSACTION_EVENT_ENUM_STARTED,
        timestamp=time,
        seq_no=_STARTED,
        transaction_info={},
        evse=_evse(values.connector_id(payload["connectorId"])),
        id_token=_token(payload["idTag"]),
        reservation_id=values.request_id(payload.get("reservationId")),
        meter_value=[meter_values.register(payload["meterStart"], time, READING_CONTEXT_ENUM_TRANSACTION_BEGIN)],
    )
    return [request]


def _status_notification(payload: Payload, reading: Reading) -> list[CanonicalRequest]:
    connector, status, error = values.connector_id(payload["connectorId"]), payload["status"], payload["errorCode"]
    time = values.time(payload["timestamp"], "/timestamp") if "timestamp" in payload else reading.receive_time
    detail = {
        "state": tables.CONNECTOR_STATES.get(status),
        "error_code": None if error == "NoError" else error,
        "vendor_error_code": payload.get("vendorErrorCode"),
        "vendor_id": payload.get("vendorId"),
        "info": payload.get("info"),
    }
    request = _request(
        StatusNotificationRequest,
        supplement=_supplement(connector_detail=detail),
        timestamp=time,
        connector_status=tables.CONNECTOR_STATUSES[status],
        evse_id=connector,
        connector_id=1 if connector else 0,
    )
    return [request] if error == "NoError" else [request, _error_event(payload, connector, time)]


def _error_event(payload: Payload, connector: int, time: Timestamp | None) -> CanonicalRequest:
    """Return the event of an error code, as a station of OCPP 2.x reports it.

    It is a changed value and no alert, which would stay open: 1.6 says that an error is over by the next status alone.
    """
    component: dict[str, Any] = {"name": "ChargingStation"}
    if connector:
        component = {"name": "Connector", "evse": _evse(connector)}
    event = {
        "event_id": 0,
        "timestamp": time,
        "trigger": EVENT_TRIGGER_ENUM_DELTA,
        "actual_value": payload["errorCode"],
        "component": component,
        "variable": {"name": "Problem"},
        "event_notification_type": EVENT_NOTIFICATION_ENUM_HARD_WIRED_NOTIFICATION,
        "tech_code": payload.get("vendorErrorCode") or None,
        "tech_info": payload.get("info") or None,
    }
    return _request(NotifyEventRequest, generated_at=time, seq_no=0, event_data=[event])


def _stop_transaction(payload: Payload, reading: Reading) -> list[CanonicalRequest]:
    time = values.time(payload["timestamp"], "/timestamp")
    reason, id_tag = payload.get("reason"), payload.get("idTag")
    # 4.10: whatever is wrong with the data, the station is answered, so that it does not repeat the message for ever.
    samples = meter_values.translated(
        payload.get("transactionData", []), "/transactionData", bad_sample=reading.left_out.append
    )
    samples.append(meter_values.register(payload["meterStop"], time, READING_CONTEXT_ENUM_TRANSACTION_END))
    request = _request(
        TransactionEventRequest,
        supplement=_UNNUMBERED,
        event_type=TRANSACTION_EVENT_ENUM_ENDED,
        timestamp=time,
        trigger_reason=tables.TRIGGERS[reason or "Local"],
        seq_no=_ENDED,
        transaction_info={
            "transaction_id": values.transaction_id(payload["transactionId"]),
            "stopped_reason": None if reason is None else tables.REASONS[reason],
        },
        id_token=_token(id_tag) if id_tag else None,
        meter_value=samples,
    )
    return [request]


def _request(
    message_class: Callable[..., Message], *, supplement: Supplement | None = None, **fields: Any
) -> CanonicalRequest:
    """Return a request; its fields are arguments of the constructor, where None is unset."""
    message = message_class(**fields)
    return CanonicalRequest(action_of(message), message, supplement)


def _supplement(**fields: Any) -> Supplement:
    return Supplement(**fields)


def _evse(connector: int) -> dict[str, int] | None:
    return {"id": connector, "connector_id": 1} if connector else None


def _token(id_tag: str) -> dict[str, str]:
    # An idTag has no type: the core looks for one among all types.
    return {"id_token": id_tag, "type": ""}


REQUESTS: Mapping[str, Translate] = {
    "Authorize": _authorize,
    "BootNotification": _boot_notification,
    "DataTransfer": _data_transfer,
    "DiagnosticsStatusNotification": _diagnostics_status_notification,
    "FirmwareStatusNotification": _firmware_status_notification,
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _log_status_notification,
    "MeterValues": _meter_values,
    "SecurityEventNotification": _security_event_notification,
    "SignCertificate": _sign_certificate,
    "SignedFirmwareStatusNotification": _firmware_status_notification,
    "StartTransaction": _start_transaction,
    "StatusNotification": _status_notification,
    "StopTransaction": _stop_transaction,
}
"""Every action that stations of OCPP 1.6 send, security whitepaper included."""
