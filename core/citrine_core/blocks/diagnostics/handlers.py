"""What stations tell us of their components."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from citrine.events.v1.events_pb2 import Event, StationEventsReceived
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine.ocpp.v2.diagnostics_pb2 import EventData, NotifyEventRequest, NotifyEventResponse
from citrine_core.blocks.availability import StatusReport, record_statuses
from citrine_core.blocks.diagnostics.repository import StationEventRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, content_key, handles
from citrine_core.services import Services

__all__ = ["DiagnosticsHandlers"]

_STATUSES: Mapping[str, ConnectorStatusEnum.ValueType] = {
    "available": ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_AVAILABLE,
    "occupied": ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_OCCUPIED,
    "reserved": ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_RESERVED,
    "unavailable": ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_UNAVAILABLE,
    "faulted": ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_FAULTED,
}


class DiagnosticsHandlers:
    """What stations tell us about their components (functional block N)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    # Stations queue events of some severity while offline (N07.FR.04), and repeat what was not answered.
    @handles(NotifyEventRequest, batched=True, once=content_key)
    async def notify_events(
        self, work: UnitOfWork, calls: Sequence[Call[NotifyEventRequest]]
    ) -> Sequence[NotifyEventResponse]:
        """Store events (N07, N08), and the status of connectors among them (G01)."""
        now = self._clock()
        rows = [_row(call, event, now) for call in calls for event in call.message.event_data]
        if rows:
            await StationEventRepository(work.session).add_all(rows)
        reports = [report for call in calls for event in call.message.event_data if (report := _report(call, event))]
        await record_statuses(work, calls[0].tenant_id, reports, now)
        for call in calls:
            received = StationEventsReceived(events=call.message.event_data)
            work.emit(Event(tenant_id=call.tenant_id, station_id=call.station_id, station_events_received=received))
        return [NotifyEventResponse()] * len(calls)


def _row(call: Call[NotifyEventRequest], event: EventData, now: datetime) -> dict[str, Any]:
    return {
        "tenant_id": call.tenant_id,
        "station_id": call.station_id,
        "component": event.component.name,
        "variable": event.variable.name,
        "event_time": event.timestamp.ToDatetime(UTC),
        "event": event.SerializeToString(),
        "create_time": now,
    }


def _report(call: Call[NotifyEventRequest], event: EventData) -> StatusReport | None:
    """Return the status of a connector that an event tells, as OCPP 2.1 prefers it to StatusNotification (G01)."""
    component = event.component
    is_status = component.name.lower() == "connector" and event.variable.name.lower() == "availabilitystate"
    status = _STATUSES.get(event.actual_value.lower())
    if not is_status or status is None or not component.evse.HasField("connector_id"):
        return None
    return StatusReport(
        call.station_id,
        component.evse.id,
        component.evse.connector_id,
        status,
        event.timestamp.ToDatetime(UTC),
        call.receive_time,
    )
