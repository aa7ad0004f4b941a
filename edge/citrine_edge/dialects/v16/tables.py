"""The enum values of OCPP 1.6 and the canonical ones that they become, and the reverse; data only."""

from collections.abc import Mapping
from typing import Any

from citrine.edge.v1.link_pb2 import ConnectorDetail
from citrine.ocpp.v2 import (
    availability_pb2,
    diagnostics_pb2,
    firmware_management_pb2,
    transactions_pb2,
    types_pb2,
)
from citrine.ocpp.v2.options_pb2 import spelling

__all__ = [
    "CONNECTOR_STATES",
    "CONNECTOR_STATUSES",
    "CONTEXTS",
    "DIAGNOSTICS_STATUSES",
    "FIRMWARE_STATUSES",
    "LOCATIONS",
    "LOG_STATUSES",
    "MEASURANDS",
    "PHASES",
    "REASONS",
    "SECURITY_EVENTS",
    "TOKEN_STATUSES",
    "TRIGGERS",
    "UNITS",
]


def _numbers(enum: Any) -> Mapping[str, int]:
    """Return the number of each value of a canonical enum by its spelling, which is also that of 1.6."""
    return {text: value.number for value in enum.DESCRIPTOR.values if (text := value.GetOptions().Extensions[spelling])}


CONTEXTS = _numbers(types_pb2.ReadingContextEnum)
LOCATIONS = _numbers(types_pb2.LocationEnum)
MEASURANDS = _numbers(types_pb2.MeasurandEnum)
PHASES = _numbers(types_pb2.PhaseEnum)
FIRMWARE_STATUSES = _numbers(firmware_management_pb2.FirmwareStatusEnum)
LOG_STATUSES = _numbers(diagnostics_pb2.UploadLogStatusEnum)

UNITS: Mapping[str, str] = {
    # The misspelling is that of the schema of 1.6 (errata 2025-04 of OCPP-J, 2.1); Hertz is Hz in OCPP 2.x.
    "Celcius": "Celsius",
    "Hertz": "Hz",
}
"""Units whose spelling differs; all others are spelled alike."""

DIAGNOSTICS_STATUSES: Mapping[str, int] = {
    "Idle": diagnostics_pb2.UPLOAD_LOG_STATUS_ENUM_IDLE,
    "Uploaded": diagnostics_pb2.UPLOAD_LOG_STATUS_ENUM_UPLOADED,
    "UploadFailed": diagnostics_pb2.UPLOAD_LOG_STATUS_ENUM_UPLOAD_FAILURE,
    "Uploading": diagnostics_pb2.UPLOAD_LOG_STATUS_ENUM_UPLOADING,
}
"""DiagnosticsStatus as UploadLogStatusEnum."""

CONNECTOR_STATUSES: Mapping[str, int] = {
    "Available": availability_pb2.CONNECTOR_STATUS_ENUM_AVAILABLE,
    "Preparing": availability_pb2.CONNECTOR_STATUS_ENUM_OCCUPIED,
    "Charging": availability_pb2.CONNECTOR_STATUS_ENUM_OCCUPIED,
    "SuspendedEVSE": availability_pb2.CONNECTOR_STATUS_ENUM_OCCUPIED,
    "SuspendedEV": availability_pb2.CONNECTOR_STATUS_ENUM_OCCUPIED,
    "Finishing": availability_pb2.CONNECTOR_STATUS_ENUM_OCCUPIED,
    "Reserved": availability_pb2.CONNECTOR_STATUS_ENUM_RESERVED,
    "Unavailable": availability_pb2.CONNECTOR_STATUS_ENUM_UNAVAILABLE,
    "Faulted": availability_pb2.CONNECTOR_STATUS_ENUM_FAULTED,
}
"""ChargePointStatus as ConnectorStatusEnum."""

CONNECTOR_STATES: Mapping[str, int] = {
    "Preparing": ConnectorDetail.STATE_PREPARING,
    "Charging": ConnectorDetail.STATE_CHARGING,
    "SuspendedEV": ConnectorDetail.STATE_SUSPENDED_EV,
    "SuspendedEVSE": ConnectorDetail.STATE_SUSPENDED_EVSE,
    "Finishing": ConnectorDetail.STATE_FINISHING,
}
"""What ChargePointStatus says beyond ConnectorStatusEnum."""

REASONS: Mapping[str, int] = {
    "DeAuthorized": transactions_pb2.REASON_ENUM_DE_AUTHORIZED,
    "EmergencyStop": transactions_pb2.REASON_ENUM_EMERGENCY_STOP,
    "EVDisconnected": transactions_pb2.REASON_ENUM_EV_DISCONNECTED,
    "HardReset": transactions_pb2.REASON_ENUM_IMMEDIATE_RESET,
    "Local": transactions_pb2.REASON_ENUM_LOCAL,
    "Other": transactions_pb2.REASON_ENUM_OTHER,
    "PowerLoss": transactions_pb2.REASON_ENUM_POWER_LOSS,
    "Reboot": transactions_pb2.REASON_ENUM_REBOOT,
    "Remote": transactions_pb2.REASON_ENUM_REMOTE,
    # In 1.6 a soft reset ends transactions at once; that of 2.x waits for their end.
    "SoftReset": transactions_pb2.REASON_ENUM_IMMEDIATE_RESET,
    # 2.x unlocks no connector with a transaction; the trigger says it.
    "UnlockCommand": transactions_pb2.REASON_ENUM_OTHER,
}
"""Reason of a stop as ReasonEnum."""

TRIGGERS: Mapping[str, int] = {
    "DeAuthorized": transactions_pb2.TRIGGER_REASON_ENUM_DEAUTHORIZED,
    "EmergencyStop": transactions_pb2.TRIGGER_REASON_ENUM_ABNORMAL_CONDITION,
    "EVDisconnected": transactions_pb2.TRIGGER_REASON_ENUM_EV_COMMUNICATION_LOST,
    "HardReset": transactions_pb2.TRIGGER_REASON_ENUM_RESET_COMMAND,
    "Local": transactions_pb2.TRIGGER_REASON_ENUM_STOP_AUTHORIZED,
    "Other": transactions_pb2.TRIGGER_REASON_ENUM_ABNORMAL_CONDITION,
    "PowerLoss": transactions_pb2.TRIGGER_REASON_ENUM_ABNORMAL_CONDITION,
    "Reboot": transactions_pb2.TRIGGER_REASON_ENUM_ABNORMAL_CONDITION,
    "Remote": transactions_pb2.TRIGGER_REASON_ENUM_REMOTE_STOP,
    "SoftReset": transactions_pb2.TRIGGER_REASON_ENUM_RESET_COMMAND,
    "UnlockCommand": transactions_pb2.TRIGGER_REASON_ENUM_UNLOCK_COMMAND,
}
"""Reason of a stop as TriggerReasonEnum."""

SECURITY_EVENTS: Mapping[str, str] = {
    "CentralSystemFailedToAuthentication": "CsmsFailedToAuthentication",
    "FailedToAuthenticationAtCentralSystem": "FailedToAuthenticationAtCsms",
    "InvalidCentralSystemCertificate": "InvalidCsmsCertificate",
    "InvalidChargePointCertificate": "InvalidChargingStationCertificate",
}
"""Security events of the whitepaper that part 2 of OCPP 2.0.1 names otherwise; all others have one name."""

TOKEN_STATUSES: Mapping[int, str] = {
    types_pb2.AUTHORIZATION_STATUS_ENUM_ACCEPTED: "Accepted",
    types_pb2.AUTHORIZATION_STATUS_ENUM_BLOCKED: "Blocked",
    types_pb2.AUTHORIZATION_STATUS_ENUM_CONCURRENT_TX: "ConcurrentTx",
    types_pb2.AUTHORIZATION_STATUS_ENUM_EXPIRED: "Expired",
    types_pb2.AUTHORIZATION_STATUS_ENUM_INVALID: "Invalid",
    # Known tokens that may not charge, here or now; Invalid in 1.6 is what is not known.
    types_pb2.AUTHORIZATION_STATUS_ENUM_NO_CREDIT: "Blocked",
    types_pb2.AUTHORIZATION_STATUS_ENUM_NOT_ALLOWED_TYPE_EVSE: "Blocked",
    types_pb2.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_LOCATION: "Blocked",
    types_pb2.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_TIME: "Blocked",
    types_pb2.AUTHORIZATION_STATUS_ENUM_UNKNOWN: "Invalid",
}
"""AuthorizationStatusEnum as AuthorizationStatus of 1.6."""
