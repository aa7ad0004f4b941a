"""Conversion of NotifyEvent data about AvailabilityState, the other way to report a status (G01), to a report."""

from collections.abc import Mapping
from datetime import UTC, datetime

from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine.ocpp.v2.diagnostics_pb2 import EventData
from citrine_core.blocks.availability.handlers import StatusReport

__all__ = ["status_of_event"]

_STATUSES: Mapping[str, ConnectorStatusEnum.ValueType] = {
    "available": ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_AVAILABLE,
    "occupied": ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_OCCUPIED,
    "reserved": ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_RESERVED,
    "unavailable": ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_UNAVAILABLE,
    "faulted": ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_FAULTED,
}


def status_of_event(station_id: str, event: EventData, receive_time: datetime) -> StatusReport | None:
    """Return the status that an event reports; None if it reports none.

    The status of a whole EVSE has connector 0, that of a whole station has EVSE 0 and connector 0.
    """
    if event.variable.name.lower() != "availabilitystate":
        return None
    status = _STATUSES.get(event.actual_value.lower())
    place = _place(event)
    if status is None or place is None:
        return None
    return StatusReport(station_id, *place, status, event.timestamp.ToDatetime(UTC), receive_time)


def _place(event: EventData) -> tuple[int, int] | None:
    component = event.component
    match component.name.lower():
        case "connector" if component.evse.HasField("connector_id"):
            return component.evse.id, component.evse.connector_id
        case "evse" if component.HasField("evse") and component.evse.id > 0:
            return component.evse.id, 0
        case "chargingstation":
            return 0, 0
    return None
