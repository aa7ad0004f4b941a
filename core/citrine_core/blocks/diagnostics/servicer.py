"""DiagnosticsService: the gRPC face of functional block N."""

from datetime import UTC, datetime

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import diagnostics_pb2 as pb
from citrine.api.v1 import diagnostics_pb2_grpc
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine_core.blocks.diagnostics.alerts import acknowledge_alerts
from citrine_core.blocks.diagnostics.protos import (
    alert_to_proto,
    event_to_proto,
    log_to_proto,
    monitor_to_proto,
    monitoring_to_proto,
)
from citrine_core.blocks.diagnostics.repository import (
    AlertKey,
    LogRepository,
    MonitorRepository,
    StationEventRepository,
)
from citrine_core.blocks.provisioning import PieceSender, merged
from citrine_core.errors import InvalidArgument
from citrine_core.file_urls import check_file_url
from citrine_core.resources.reports import ReportKind, ReportRequests
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, changed_span, check_length, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["DiagnosticsServicer", "check_log"]

HIGHEST_SEVERITY = 9
"""Number of the least severe severity; 0 is the most severe."""


class DiagnosticsServicer(diagnostics_pb2_grpc.DiagnosticsServiceServicer):
    """Serves events, alerts, monitors, logs and customer information of stations."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reports = ReportRequests(services)
        self._pieces = PieceSender(services)

    async def GetStationEvent(
        self,
        request: pb.GetStationEventRequest,
        context: grpc.aio.ServicerContext[pb.GetStationEventRequest, pb.StationEvent],
    ) -> pb.StationEvent:
        required("station_event_id", request.station_event_id)
        async with self._services.unit_of_work(read_only=True) as work:
            return event_to_proto(
                await StationEventRepository(work.session).get(caller(context).tenant_id, request.station_event_id)
            )

    async def ListStationEvents(
        self,
        request: pb.ListStationEventsRequest,
        context: grpc.aio.ServicerContext[pb.ListStationEventsRequest, pb.ListStationEventsResponse],
    ) -> pb.ListStationEventsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await StationEventRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                component=request.component,
                variable=request.variable,
                times=span_of(request.time),
                stations=checked_selector(request.stations),
            )
        return pb.ListStationEventsResponse(station_events=map(event_to_proto, rows), next_page_token=token)

    async def GetAlert(
        self,
        request: pb.GetAlertRequest,
        context: grpc.aio.ServicerContext[pb.GetAlertRequest, pb.Alert],
    ) -> pb.Alert:
        station_id = required("station_id", request.station_id)
        required("component.name", request.component.name)
        required("variable.name", request.variable.name)
        monitor_id = request.monitor_id if request.HasField("monitor_id") else None
        key = AlertKey.of(station_id, request.component, request.variable, monitor_id)
        async with self._services.unit_of_work(read_only=True) as work:
            return alert_to_proto(await StationEventRepository(work.session).get_alert(caller(context).tenant_id, key))

    async def ListAlerts(
        self,
        request: pb.ListAlertsRequest,
        context: grpc.aio.ServicerContext[pb.ListAlertsRequest, pb.ListAlertsResponse],
    ) -> pb.ListAlertsResponse:
        if request.include_cleared and not request.HasField("update_time"):
            raise InvalidArgument("include_cleared", "is only for a list by update_time")
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await StationEventRepository(work.session).list_alerts(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                component=request.component,
                variable=request.variable,
                acknowledged=request.acknowledged if request.HasField("acknowledged") else None,
                stations=checked_selector(request.stations),
                changed=changed_span(request),
                with_cleared=request.include_cleared,
            )
        return pb.ListAlertsResponse(alerts=map(alert_to_proto, rows), next_page_token=token)

    async def AcknowledgeAlert(
        self,
        request: pb.AcknowledgeAlertRequest,
        context: grpc.aio.ServicerContext[pb.AcknowledgeAlertRequest, pb.AcknowledgeAlertResponse],
    ) -> pb.AcknowledgeAlertResponse:
        for field in ("station_id", "component", "variable"):
            required(field, getattr(request, field))
        check_length("note", request.note, 255)
        async with self._services.unit_of_work() as work:
            rows = await acknowledge_alerts(
                work,
                caller(context).tenant_id,
                request.station_id,
                component=request.component,
                variable=request.variable,
                monitor_id=request.monitor_id if request.HasField("monitor_id") else None,
                who=caller(context).name,
                note=request.note,
                clock=self._services.clock,
            )
            await work.commit()
        return pb.AcknowledgeAlertResponse(alerts=map(alert_to_proto, rows))

    async def GetMonitor(
        self,
        request: pb.GetMonitorRequest,
        context: grpc.aio.ServicerContext[pb.GetMonitorRequest, pb.Monitor],
    ) -> pb.Monitor:
        station_id = required("station_id", request.station_id)
        async with self._services.unit_of_work(read_only=True) as work:
            found = MonitorRepository(work.session).get(caller(context).tenant_id, station_id, request.monitor_id)
            return monitor_to_proto(await found)

    async def ListMonitors(
        self,
        request: pb.ListMonitorsRequest,
        context: grpc.aio.ServicerContext[pb.ListMonitorsRequest, pb.ListMonitorsResponse],
    ) -> pb.ListMonitorsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await MonitorRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                component=request.component,
                variable=request.variable,
                stations=checked_selector(request.stations),
            )
        return pb.ListMonitorsResponse(monitors=map(monitor_to_proto, rows), next_page_token=token)

    async def GetMonitoring(
        self,
        request: pb.GetMonitoringRequest,
        context: grpc.aio.ServicerContext[pb.GetMonitoringRequest, pb.Monitoring],
    ) -> pb.Monitoring:
        if not request.station_id:
            raise InvalidArgument("station_id", "must not be empty")
        async with self._services.unit_of_work(read_only=True) as work:
            row = await MonitorRepository(work.session).get_monitoring(caller(context).tenant_id, request.station_id)
        return monitoring_to_proto(row)

    async def GetLogUpload(
        self,
        request: pb.GetLogUploadRequest,
        context: grpc.aio.ServicerContext[pb.GetLogUploadRequest, pb.LogUpload],
    ) -> pb.LogUpload:
        station_id = required("station_id", request.station_id)
        async with self._services.unit_of_work(read_only=True) as work:
            found = LogRepository(work.session).get(caller(context).tenant_id, station_id, request.request_id)
            return log_to_proto(await found)

    async def ListLogUploads(
        self,
        request: pb.ListLogUploadsRequest,
        context: grpc.aio.ServicerContext[pb.ListLogUploadsRequest, pb.ListLogUploadsResponse],
    ) -> pb.ListLogUploadsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await LogRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListLogUploadsResponse(log_uploads=map(log_to_proto, rows), next_page_token=token)

    async def SetMonitoringBase(
        self,
        request: pb.SetMonitoringBaseRequest,
        context: grpc.aio.ServicerContext[pb.SetMonitoringBaseRequest, pb.SetMonitoringBaseResponse],
    ) -> pb.SetMonitoringBaseResponse:
        return await self._services.commands.call(context, request, pb.SetMonitoringBaseResponse)

    async def SetMonitoringLevel(
        self,
        request: pb.SetMonitoringLevelRequest,
        context: grpc.aio.ServicerContext[pb.SetMonitoringLevelRequest, pb.SetMonitoringLevelResponse],
    ) -> pb.SetMonitoringLevelResponse:
        _check_severity("request.severity", request.request.severity)
        return await self._services.commands.call(context, request, pb.SetMonitoringLevelResponse)

    async def SetVariableMonitoring(
        self,
        request: pb.SetVariableMonitoringRequest,
        context: grpc.aio.ServicerContext[pb.SetVariableMonitoringRequest, pb.SetVariableMonitoringResponse],
    ) -> pb.SetVariableMonitoringResponse:
        for place, data in enumerate(request.request.set_monitoring_data):
            path = f"request.set_monitoring_data.{place}"
            _check_severity(f"{path}.severity", data.severity)
            if data.type == ocpp.MONITOR_ENUM_DELTA and data.value < 0:  # N04.FR.14
                raise InvalidArgument(f"{path}.value", "must not be negative where the type is Delta")
        sent = await self._pieces.send(caller(context), request.target, request.request, context=context)
        commands, answers = zip(*sent, strict=True)
        return pb.SetVariableMonitoringResponse(
            command=commands[-1],
            response=merged(answers, "set_monitoring_result"),
            commands=commands if len(commands) > 1 else (),
        )

    async def ClearVariableMonitoring(
        self,
        request: pb.ClearVariableMonitoringRequest,
        context: grpc.aio.ServicerContext[pb.ClearVariableMonitoringRequest, pb.ClearVariableMonitoringResponse],
    ) -> pb.ClearVariableMonitoringResponse:
        sent = await self._pieces.send(caller(context), request.target, request.request, context=context)
        commands, answers = zip(*sent, strict=True)
        return pb.ClearVariableMonitoringResponse(
            command=commands[-1],
            response=merged(answers, "clear_monitoring_result"),
            commands=commands if len(commands) > 1 else (),
        )

    async def GetMonitoringReport(
        self,
        request: pb.GetMonitoringReportRequest,
        context: grpc.aio.ServicerContext[pb.GetMonitoringReportRequest, pb.GetMonitoringReportResponse],
    ) -> pb.GetMonitoringReportResponse:
        monitoring = ReportKind.REPORT_KIND_MONITORING
        return await self._reports.request(context, request, pb.GetMonitoringReportResponse, monitoring)

    async def GetLog(
        self,
        request: pb.GetLogRequest,
        context: grpc.aio.ServicerContext[pb.GetLogRequest, pb.GetLogResponse],
    ) -> pb.GetLogResponse:
        check_log("request", request.request)
        return await self._reports.request(context, request, pb.GetLogResponse, ReportKind.REPORT_KIND_LOG)

    async def CustomerInformation(
        self,
        request: pb.CustomerInformationRequest,
        context: grpc.aio.ServicerContext[pb.CustomerInformationRequest, pb.CustomerInformationResponse],
    ) -> pb.CustomerInformationResponse:
        _check_customer(request.request)
        customer = ReportKind.REPORT_KIND_CUSTOMER_INFORMATION
        return await self._reports.request(context, request, pb.CustomerInformationResponse, customer)


def _check_severity(field: str, severity: int) -> None:
    if not 0 <= severity <= HIGHEST_SEVERITY:
        raise InvalidArgument(field, "must be 0 to 9, of which 0 is the most severe")


def check_log(field: str, request: ocpp.GetLogRequest) -> None:
    """Refuse a request for a log whose upload can't be made as it says.

    Raises:
        InvalidArgument: With the path of the malformed field.
    """
    log = request.log
    check_file_url(f"{field}.log.remote_location", log.remote_location)
    has_range = log.HasField("oldest_timestamp") and log.HasField("latest_timestamp")
    if has_range and _time(log.oldest_timestamp) >= _time(log.latest_timestamp):
        raise InvalidArgument(f"{field}.log.latest_timestamp", "must be after oldest_timestamp")
    if request.retries < 0:
        raise InvalidArgument(f"{field}.retries", "must not be negative")
    if request.retry_interval < 0:
        raise InvalidArgument(f"{field}.retry_interval", "must not be negative")


def _check_customer(request: ocpp.CustomerInformationRequest) -> None:
    # N09.FR.04, N09.FR.09, N10.FR.08: one reference to the customer, neither none nor several.
    references = (
        request.HasField("id_token"),
        request.HasField("customer_certificate"),
        request.HasField("customer_identifier"),
    )
    if sum(references) != 1:
        raise InvalidArgument("request", "must have one of id_token, customer_certificate and customer_identifier")
    if not request.report and not request.clear:  # N09.FR.07
        raise InvalidArgument("request", "must ask for report, clear or both")


def _time(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(UTC)
