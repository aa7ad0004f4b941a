"""Events, alerts, monitors and logs as the API shows them."""

from citrine.api.v1 import diagnostics_pb2 as pb
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine_core.blocks.diagnostics.models import Alert, Monitor, Monitoring, StationEvent
from citrine_core.blocks.diagnostics.repository import LogWithReport

__all__ = ["alert_to_proto", "event_to_proto", "log_to_proto", "monitor_to_proto", "monitoring_to_proto"]


def event_to_proto(row: StationEvent) -> pb.StationEvent:
    """Return an event as the API shows it."""
    shown = pb.StationEvent(
        station_event_id=str(row.id), station_id=row.station_id, event=ocpp.EventData.FromString(row.event)
    )
    shown.create_time.FromDatetime(row.create_time)
    return shown


def alert_to_proto(row: Alert) -> pb.Alert:
    """Return an alert as the API shows it."""
    shown = pb.Alert(
        station_id=row.station_id,
        event=ocpp.EventData.FromString(row.event),
        acknowledged_by=row.acknowledged_by or "",
        acknowledge_note=row.acknowledge_note or "",
        cleared=row.is_cleared,
    )
    shown.update_time.FromDatetime(row.update_time)
    if row.acknowledge_time is not None:
        shown.acknowledge_time.FromDatetime(row.acknowledge_time)
    return shown


def monitor_to_proto(row: Monitor) -> pb.Monitor:
    """Return a monitor as the API shows it."""
    data = ocpp.MonitoringData.FromString(row.monitor)
    shown = pb.Monitor(
        station_id=row.station_id,
        component=data.component,
        variable=data.variable,
        monitoring=data.variable_monitoring[0],
    )
    if row.set_time is not None:
        shown.set_time.FromDatetime(row.set_time)
        if not shown.monitoring.event_notification_type:
            # Reports of OCPP 2.0.1 have no eventNotificationType. A monitor that the CSMS set is a custom one.
            shown.monitoring.event_notification_type = ocpp.EVENT_NOTIFICATION_ENUM_CUSTOM_MONITOR
    shown.update_time.FromDatetime(row.update_time)
    return shown


def monitoring_to_proto(row: Monitoring) -> pb.Monitoring:
    """Return the settings of a station's monitoring as the API shows them."""
    shown = pb.Monitoring(station_id=row.station_id, level=row.level)
    if row.base is not None:
        shown.base = row.base  # type: ignore[assignment]  # stored as the number
    if row.base_time is not None:
        shown.base_time.FromDatetime(row.base_time)
    if row.level_time is not None:
        shown.level_time.FromDatetime(row.level_time)
    return shown


def log_to_proto(row: LogWithReport) -> pb.LogUpload:
    """Return a log as the API shows it."""
    log, run = row
    shown = pb.LogUpload(
        station_id=log.station_id,
        request_id=log.request_id,
        log_type=log.log_type,  # type: ignore[arg-type]  # stored as the number
        remote_location=log.remote_location,
        filename=log.filename,
        state=run.state,  # type: ignore[arg-type]  # stored as the number
        status=run.status,
        problem=run.problem,
    )
    times = {
        "oldest_time": log.oldest_time,
        "latest_time": log.latest_time,
        "request_time": run.request_time,
        "update_time": run.update_time,
        "finish_time": run.finish_time,
    }
    for name, time in times.items():
        if time is not None:
            getattr(shown, name).FromDatetime(time)
    return shown
