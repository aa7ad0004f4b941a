"""Handlers of StatusNotification, and of the answers of stations to ChangeAvailability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from citrine.events.v1.events_pb2 import AvailabilityAnswered, ConnectorStatusChanged, Event
from citrine.ocpp.v2.availability_pb2 import (
    CHANGE_AVAILABILITY_STATUS_ENUM_REJECTED,
    ChangeAvailabilityRequest,
    ChangeAvailabilityResponse,
    ChangeAvailabilityStatusEnum,
    ConnectorStatusEnum,
    StatusNotificationRequest,
    StatusNotificationResponse,
)
from citrine_core.blocks.availability.repository import AvailabilityRepository, ConnectorKey, ConnectorRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, Failed, handles, handles_answer, handles_failure
from citrine_core.resources.locations.queries import enrol_evses
from citrine_core.resources.stations.queries import find_boot_times, order_time_of
from citrine_core.services import Services
from citrine_core.status_info import problem_of

__all__ = ["AvailabilityHandlers", "StatusReport", "record_statuses"]


@dataclass(frozen=True, slots=True)
class StatusReport:
    """One report of a station on the status of a connector."""

    station_id: str
    evse_id: int
    connector_id: int
    status: ConnectorStatusEnum.ValueType
    time: datetime
    """When the status began, by the clock of the station."""
    receive_time: datetime
    """When the edge read the report, in UTC."""
    detail: bytes | None = None
    """Serialised citrine.api.v1.ConnectorDetail. None: the version says no more than the status."""


class AvailabilityHandlers:
    """Handles messages and answers of stations about availability (functional block G)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    @handles(StatusNotificationRequest, batched=True)
    async def status_notifications(
        self, work: UnitOfWork, calls: Sequence[Call[StatusNotificationRequest]]
    ) -> Sequence[StatusNotificationResponse]:
        """Store the status of connectors (G01)."""
        reports = [
            StatusReport(
                call.station_id,
                call.message.evse_id,
                call.message.connector_id,
                call.message.connector_status,
                # Not every version demands a time.
                call.message.timestamp.ToDatetime(UTC) if call.message.HasField("timestamp") else call.receive_time,
                call.receive_time,
                _detail(call),
            )
            for call in calls
        ]
        await record_statuses(work, calls[0].tenant_id, reports, self._clock())
        return [StatusNotificationResponse()] * len(calls)

    @handles_answer(ChangeAvailabilityResponse)
    async def availability_answered(
        self, work: UnitOfWork, answered: Answered[ChangeAvailabilityRequest, ChangeAvailabilityResponse]
    ) -> None:
        """Record a change of availability, with the station's answer: accepted, scheduled or rejected (G03, G04)."""
        response, evse = answered.response, answered.request.evse
        problem = ""
        if response.status == CHANGE_AVAILABILITY_STATUS_ENUM_REJECTED:
            problem = problem_of("Rejected", response.status_info)
        await _store_wanted(work, answered, response.status, problem, answered.receive_time)
        body = AvailabilityAnswered(
            evse_id=evse.id,
            connector_id=evse.connector_id,
            wanted=answered.request.operational_status,
            answer=response.status,
        )
        work.emit(Event(tenant_id=answered.tenant_id, station_id=answered.station_id, availability_answered=body))

    @handles_failure(ChangeAvailabilityRequest)
    async def availability_failed(self, work: UnitOfWork, failed: Failed[ChangeAvailabilityRequest]) -> None:
        """Record a change of availability that the station did not answer."""
        await _store_wanted(work, failed, None, problem_of(failed.problem), failed.time)


async def _store_wanted(
    work: UnitOfWork,
    command: Answered[ChangeAvailabilityRequest, Any] | Failed[ChangeAvailabilityRequest],
    answer: ChangeAvailabilityStatusEnum.ValueType | None,
    problem: str,
    time: datetime,
) -> None:
    availability = {
        "tenant_id": command.tenant_id,
        "station_id": command.station_id,
        "evse_id": command.request.evse.id,
        "connector_id": command.request.evse.connector_id,
        "wanted": command.request.operational_status,
        "answer": answer,
        "problem": problem,
        "command_id": command.command_id,
        "answer_time": time,
    }
    await AvailabilityRepository(work.session).put(availability)


async def record_statuses(
    work: UnitOfWork,
    tenant_id: str,
    reports: Sequence[StatusReport],
    now: datetime,
    boot_times: Mapping[str, datetime | None] | None = None,
) -> None:
    """Store reports of stations of one tenant on their connectors.

    A report that is older than the newest one changes only the history. A status that does not change adds nothing to
    the history. It runs four statements, whatever the number of reports, and some more for an EVSE that is reported for
    the first time.

    Args:
        work: The unit of work to write in.
        tenant_id: Tenant of the stations.
        reports: The reports, in the order in which they were received.
        now: The current time.
        boot_times: When the stations last booted. None: they are queried.
    """
    if not reports:
        return
    repository = ConnectorRepository(work.session)
    station_ids = {report.station_id for report in reports}
    if boot_times is None:
        boot_times = await find_boot_times(work.session, tenant_id, station_ids)
    stored = await repository.find_for_update(tenant_id, station_ids)
    states = {
        key: _State(row["status"], row["status_time"], row["order_time"], row["receive_time"], row["detail"])
        for key, row in stored.items()
    }
    new = {(one.station_id, one.evse_id) for one in reports if one.evse_id > 0}
    new -= {(station_id, evse_id) for station_id, evse_id, _ in stored}
    changes: list[tuple[ConnectorKey, int, datetime]] = []
    reported: dict[ConnectorKey, None] = {}
    for report in reports:
        key = (report.station_id, report.evse_id, report.connector_id)
        state = states.get(key)
        reported[key] = None
        order_time = order_time_of(report.time, report.receive_time, boot_times.get(report.station_id))
        if state is None or (order_time >= state.order_time and report.status != state.status):
            states[key] = _State(report.status, report.time, order_time, report.receive_time, report.detail)
            changes.append((key, report.status, report.time))
            work.emit(_changed(tenant_id, report))
        elif order_time >= state.order_time:
            state.order_time, state.receive_time = order_time, report.receive_time
            # What an event says of the status is no other report on the rest.
            if report.detail is not None and report.detail != state.detail:
                state.detail = report.detail
                work.emit(_changed(tenant_id, report))
        else:
            changes.extend((key, status, time) for status, time in state.insert_late(report, order_time))
    await repository.put_states([_state_row(tenant_id, key, states[key]) for key in sorted(reported)])
    await repository.add_changes([_change_row(tenant_id, change, now) for change in changes])
    if new:
        await enrol_evses(work, tenant_id, new, lambda: now)


@dataclass(slots=True)
class _State:
    status: int
    status_time: datetime
    order_time: datetime
    receive_time: datetime | None
    detail: bytes | None

    def insert_late(self, report: StatusReport, order_time: datetime) -> list[tuple[int, datetime]]:
        """Return the changes that a report which is older than the newest one adds to the history."""
        late = (int(report.status), report.time)
        if order_time < self.status_time:
            return [late]
        if report.status == self.status:
            return []
        # The status differed in between, so that the present one began only with the newest report.
        self.status_time = self.order_time
        return [late, (self.status, self.status_time)]


def _detail(call: Call[StatusNotificationRequest]) -> bytes | None:
    # The fields of the message of events are the same.
    if call.supplement is None or not call.supplement.HasField("connector_detail"):
        return None
    return call.supplement.connector_detail.SerializeToString(deterministic=True)


def _changed(tenant_id: str, report: StatusReport) -> Event:
    event = Event(tenant_id=tenant_id, station_id=report.station_id)
    changed = ConnectorStatusChanged(evse_id=report.evse_id, connector_id=report.connector_id, status=report.status)
    changed.time.FromDatetime(report.time)
    if report.detail is not None:
        changed.detail.ParseFromString(report.detail)
    event.connector_status_changed.CopyFrom(changed)
    return event


def _state_row(tenant_id: str, key: ConnectorKey, state: _State) -> dict[str, Any]:
    station_id, evse_id, connector_id = key
    return {
        "tenant_id": tenant_id,
        "station_id": station_id,
        "evse_id": evse_id,
        "connector_id": connector_id,
        "status": state.status,
        "status_time": state.status_time,
        "order_time": state.order_time,
        "receive_time": state.receive_time,
        "detail": state.detail,
    }


def _change_row(tenant_id: str, change: tuple[ConnectorKey, int, datetime], now: datetime) -> dict[str, Any]:
    (station_id, evse_id, connector_id), status, time = change
    return {
        "tenant_id": tenant_id,
        "station_id": station_id,
        "evse_id": evse_id,
        "connector_id": connector_id,
        "status": status,
        "status_time": time,
        "create_time": now,
    }
