"""Handlers of NotifyMonitoringReport, and of the answers of stations to commands about monitors."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import (
    GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED,
    GENERIC_STATUS_ENUM_ACCEPTED,
    GenericDeviceModelStatusEnum,
)
from citrine_core.blocks.diagnostics.alerts import clear_alerts
from citrine_core.blocks.diagnostics.repository import MonitorRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, Failed, handles, handles_answer, handles_failure
from citrine_core.resources.reports import (
    Part,
    ReportKind,
    ReportRepository,
    ReportState,
    report_answered,
    report_failed,
    store_parts,
)

__all__ = ["MonitoringHandlers"]

_MONITORING = ReportKind.REPORT_KIND_MONITORING

_HARD_WIRED = (
    ocpp.EVENT_NOTIFICATION_ENUM_HARD_WIRED_MONITOR,
    ocpp.EVENT_NOTIFICATION_ENUM_HARD_WIRED_NOTIFICATION,
)

_GONE = (ocpp.CLEAR_MONITORING_STATUS_ENUM_ACCEPTED, ocpp.CLEAR_MONITORING_STATUS_ENUM_NOT_FOUND)


class MonitoringHandlers:
    """Handles messages and answers of stations about monitors (N02 to N06)."""

    @handles(ocpp.NotifyMonitoringReportRequest, batched=True)
    async def notify_monitoring_reports(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.NotifyMonitoringReportRequest]]
    ) -> Sequence[ocpp.NotifyMonitoringReportResponse]:
        """Store parts of reports of monitors (N02.FR.03). A part that is resent has no effect."""
        fresh = await store_parts(work, _MONITORING, [_part(call) for call in calls])
        new = [call for call, is_fresh in zip(calls, fresh, strict=True) if is_fresh]
        rows = {(row["station_id"], row["monitor_id"]): row for call in new for row in _reported_rows(call)}
        await MonitorRepository(work.session).put([rows[key] for key in sorted(rows)], preserve_set_time=True)
        await _forget_unreported(work, new)
        return [ocpp.NotifyMonitoringReportResponse()] * len(calls)

    @handles_answer(ocpp.GetMonitoringReportResponse)
    async def report_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.GetMonitoringReportRequest, ocpp.GetMonitoringReportResponse]
    ) -> None:
        """Expect the report that a station agreed to send (N02.FR.01)."""
        request, status = answered.request, answered.response.status
        accepted = status == GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED
        if accepted and not request.component_variable and not request.monitoring_criteria:
            await MonitorRepository(work.session).set_monitoring(
                answered.tenant_id,
                answered.station_id,
                full_report_id=request.request_id,
                full_report_time=answered.receive_time,
            )
        text = spelling_of(GenericDeviceModelStatusEnum, status)
        await report_answered(work, answered, _MONITORING, request.request_id, accepted, text)

    @handles_failure(ocpp.GetMonitoringReportRequest)
    async def report_failed(self, work: UnitOfWork, failed: Failed[ocpp.GetMonitoringReportRequest]) -> None:
        """End the report that could not be requested."""
        await report_failed(work, failed, _MONITORING, failed.request.request_id)

    @handles_answer(ocpp.SetVariableMonitoringResponse)
    async def monitors_set(
        self,
        work: UnitOfWork,
        answered: Answered[ocpp.SetVariableMonitoringRequest, ocpp.SetVariableMonitoringResponse],
    ) -> None:
        """Store the monitors that a station accepted, with the ids that it gave them (N04.FR.08, N04.FR.11)."""
        rows: dict[int, dict[str, Any]] = {}
        for result, data in _paired(answered.request, answered.response):
            if result.status != ocpp.SET_MONITORING_STATUS_ENUM_ACCEPTED or not result.HasField("id"):
                continue
            monitor = ocpp.VariableMonitoring(
                id=result.id,
                transaction=data.transaction,
                value=data.value,
                type=data.type,
                severity=data.severity,
                event_notification_type=ocpp.EVENT_NOTIFICATION_ENUM_CUSTOM_MONITOR,
            )
            of = ocpp.MonitoringData(component=data.component, variable=data.variable, variable_monitoring=[monitor])
            time = answered.receive_time
            rows[result.id] = _row(answered.tenant_id, answered.station_id, of, time, set_time=time)
        await MonitorRepository(work.session).put([rows[key] for key in sorted(rows)])

    @handles_answer(ocpp.ClearVariableMonitoringResponse)
    async def monitors_cleared(
        self,
        work: UnitOfWork,
        answered: Answered[ocpp.ClearVariableMonitoringRequest, ocpp.ClearVariableMonitoringResponse],
    ) -> None:
        """Remove the monitors that a station removed or does not have (N06.FR.01, N06.FR.02)."""
        gone = [result.id for result in answered.response.clear_monitoring_result if result.status in _GONE]
        if gone:
            await MonitorRepository(work.session).remove(answered.tenant_id, answered.station_id, gone)
            await clear_alerts(work, answered.tenant_id, answered.station_id, gone)

    @handles_answer(ocpp.SetMonitoringBaseResponse)
    async def base_set(
        self, work: UnitOfWork, answered: Answered[ocpp.SetMonitoringBaseRequest, ocpp.SetMonitoringBaseResponse]
    ) -> None:
        """Store the base that a station accepted, and remove the monitors that it ends (N03.FR.04, N03.FR.05)."""
        if answered.response.status != GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED:
            return
        monitors, base = MonitorRepository(work.session), answered.request.monitoring_base
        key = (answered.tenant_id, answered.station_id)
        await monitors.set_monitoring(*key, base=base, base_time=answered.receive_time)
        if base != ocpp.MONITORING_BASE_ENUM_ALL:
            gone = await monitors.remove_soft(*key, only_set=base == ocpp.MONITORING_BASE_ENUM_FACTORY_DEFAULT)
            await clear_alerts(work, *key, gone)

    @handles_answer(ocpp.SetMonitoringLevelResponse)
    async def level_set(
        self, work: UnitOfWork, answered: Answered[ocpp.SetMonitoringLevelRequest, ocpp.SetMonitoringLevelResponse]
    ) -> None:
        """Store the level that a station accepted (N05.FR.01)."""
        if answered.response.status == GENERIC_STATUS_ENUM_ACCEPTED:
            await MonitorRepository(work.session).set_monitoring(
                answered.tenant_id,
                answered.station_id,
                level=answered.request.severity,
                level_time=answered.receive_time,
            )


def _part(call: Call[ocpp.NotifyMonitoringReportRequest]) -> Part:
    message = call.message
    items = sum(len(data.variable_monitoring) for data in message.monitor)
    return Part(
        call.tenant_id,
        call.station_id,
        message.request_id,
        message.seq_no,
        not message.tbc,
        items,
        message,
        call.receive_time,
    )


def _reported_rows(call: Call[ocpp.NotifyMonitoringReportRequest]) -> Iterator[dict[str, Any]]:
    for data in call.message.monitor:
        for monitor in data.variable_monitoring:
            of = ocpp.MonitoringData(component=data.component, variable=data.variable, variable_monitoring=[monitor])
            yield _row(call.tenant_id, call.station_id, of, call.receive_time, set_time=None)


def _row(
    tenant_id: str, station_id: str, data: ocpp.MonitoringData, time: datetime, *, set_time: datetime | None
) -> dict[str, Any]:
    (monitor,) = data.variable_monitoring
    return {
        "tenant_id": tenant_id,
        "station_id": station_id,
        "monitor_id": monitor.id,
        "component": data.component.name,
        "variable": data.variable.name,
        "monitor": data.SerializeToString(),
        "is_hard_wired": monitor.event_notification_type in _HARD_WIRED,
        "set_time": set_time,
        "update_time": time,
    }


def _paired(
    request: ocpp.SetVariableMonitoringRequest, response: ocpp.SetVariableMonitoringResponse
) -> Iterator[tuple[ocpp.SetMonitoringResult, ocpp.SetMonitoringData]]:
    """Yield each result with the first unpaired element of the request for the same monitor (N04.FR.02)."""
    left = list(request.set_monitoring_data)
    for result in response.set_monitoring_result:
        same = (data for data in left if _names(data) == _names(result))
        found = next(same, None)
        if found is not None:
            left.remove(found)
            yield result, found


def _names(of: ocpp.SetMonitoringData | ocpp.SetMonitoringResult) -> tuple[Any, ...]:
    evse = of.component.evse
    where = (evse.id, evse.connector_id) if of.component.HasField("evse") else None
    texts = (of.component.name, of.component.instance, of.variable.name, of.variable.instance)
    return (*(text.lower() for text in texts), where, of.type, of.severity)


async def _forget_unreported(work: UnitOfWork, calls: Sequence[Call[ocpp.NotifyMonitoringReportRequest]]) -> None:
    """Remove the monitors that are missing in a complete report of all monitors (N02.FR.11)."""
    last = {(call.station_id, call.message.request_id) for call in calls}
    if not last:
        return
    monitors, tenant_id = MonitorRepository(work.session), calls[0].tenant_id
    agreed = await monitors.full_reports(tenant_id, {station_id for station_id, _ in last})
    asked = last & agreed.keys()
    if not asked:
        return
    runs = await ReportRepository(work.session).find_runs(tenant_id, _MONITORING, asked)
    for key, run in runs.items():
        if run.state == ReportState.REPORT_STATE_COMPLETE:
            since = min(agreed[key], run.start_time or agreed[key])
            gone = await monitors.remove_before(tenant_id, key[0], since)
            await clear_alerts(work, tenant_id, key[0], gone)
