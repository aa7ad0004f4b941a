"""Handlers of NotifyEvent and NotifyCustomerInformation, and of answers to CustomerInformation."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from citrine.events.v1.events_pb2 import Event, StationEventsReceived
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine_core.blocks.availability import record_statuses, status_of_event
from citrine_core.blocks.diagnostics.repository import AlertKey, StationEventRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, Failed, content_key, handles, handles_answer, handles_failure
from citrine_core.resources.reports import Part, ReportKind, report_answered, report_failed, store_parts
from citrine_core.resources.stations.queries import find_boot_times, order_time_of
from citrine_core.services import Services

__all__ = ["DiagnosticsHandlers"]

_CUSTOMER = ReportKind.REPORT_KIND_CUSTOMER_INFORMATION

_ALERTING = ocpp.EVENT_TRIGGER_ENUM_ALERTING


class DiagnosticsHandlers:
    """Handles events and customer information of stations (functional block N)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    # Stations queue events of some severities while offline (N07.FR.04), and resend unanswered ones.
    @handles(ocpp.NotifyEventRequest, batched=True, once=content_key)
    async def notify_events(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.NotifyEventRequest]]
    ) -> Sequence[ocpp.NotifyEventResponse]:
        """Store events (N07, N08), and the alerts and statuses of connectors (G01) in them."""
        now = self._clock()
        events = StationEventRepository(work.session)
        rows = [_row(call, event, now) for call in calls for event in call.message.event_data]
        if rows:
            await events.add_all(rows)
        boot_times = await find_boot_times(work.session, calls[0].tenant_id, {call.station_id for call in calls})
        await events.put_alerts(_alert_rows(calls, boot_times))
        reports = [
            report
            for call in calls
            for event in call.message.event_data
            if (report := status_of_event(call.station_id, event, call.receive_time))
        ]
        await record_statuses(work, calls[0].tenant_id, reports, now, boot_times)
        for call in calls:
            received = StationEventsReceived(events=call.message.event_data)
            work.emit(Event(tenant_id=call.tenant_id, station_id=call.station_id, station_events_received=received))
        return [ocpp.NotifyEventResponse()] * len(calls)

    @handles(ocpp.NotifyCustomerInformationRequest, batched=True)
    async def notify_customer_information(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.NotifyCustomerInformationRequest]]
    ) -> Sequence[ocpp.NotifyCustomerInformationResponse]:
        """Store parts of reports of customer information (N09.FR.05, N10.FR.03)."""
        parts = [
            Part(
                call.tenant_id,
                call.station_id,
                call.message.request_id,
                call.message.seq_no,
                not call.message.tbc,
                1,
                call.message,
                call.receive_time,
            )
            for call in calls
        ]
        await store_parts(work, _CUSTOMER, parts)
        return [ocpp.NotifyCustomerInformationResponse()] * len(calls)

    @handles_answer(ocpp.CustomerInformationResponse)
    async def customer_information_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.CustomerInformationRequest, ocpp.CustomerInformationResponse]
    ) -> None:
        """Expect the report that a station agreed to send (N09.FR.02)."""
        accepted = answered.response.status == ocpp.CUSTOMER_INFORMATION_STATUS_ENUM_ACCEPTED
        status = spelling_of(ocpp.CustomerInformationStatusEnum, answered.response.status)
        await report_answered(work, answered, _CUSTOMER, answered.request.request_id, accepted, status)

    @handles_failure(ocpp.CustomerInformationRequest)
    async def customer_information_failed(
        self, work: UnitOfWork, failed: Failed[ocpp.CustomerInformationRequest]
    ) -> None:
        """End the report that could not be requested."""
        await report_failed(work, failed, _CUSTOMER, failed.request.request_id)


def _row(call: Call[ocpp.NotifyEventRequest], event: ocpp.EventData, now: datetime) -> dict[str, Any]:
    return {
        "tenant_id": call.tenant_id,
        "station_id": call.station_id,
        "component": event.component.name,
        "variable": event.variable.name,
        "event_time": event.timestamp.ToDatetime(UTC),
        "event": event.SerializeToString(),
        "create_time": now,
    }


def _is_alert(event: ocpp.EventData) -> bool:
    return event.trigger == _ALERTING or event.cleared


def _alert_rows(
    calls: Iterable[Call[ocpp.NotifyEventRequest]], boot_times: Mapping[str, datetime | None]
) -> list[dict[str, Any]]:
    """Return the newest alert of each monitored value, which may be cleared (N07.FR.02)."""
    newest: dict[AlertKey, dict[str, Any]] = {}
    for call in calls:
        for event in call.message.event_data:
            if not _is_alert(event):
                continue
            key, time = _alert_key(call.station_id, event), event.timestamp.ToDatetime(UTC)
            order_time = order_time_of(time, call.receive_time, boot_times.get(call.station_id))
            if key not in newest or newest[key]["order_time"] <= order_time:
                newest[key] = {
                    "tenant_id": call.tenant_id,
                    **key._asdict(),
                    "is_cleared": event.cleared,
                    "event_time": time,
                    "order_time": order_time,
                    "event": event.SerializeToString(),
                }
    # All transactions write in the same order, so that two can't deadlock.
    return [newest[key] for key in sorted(newest)]


def _alert_key(station_id: str, event: ocpp.EventData) -> AlertKey:
    monitor_id = event.variable_monitoring_id if event.HasField("variable_monitoring_id") else None
    return AlertKey.of(station_id, event.component, event.variable, monitor_id)
