"""`citrine log` and `citrine monitor`: what is asked, what is printed, how it ends."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.struct_pb2 import Struct

from citrine.api.v1 import diagnostics_pb2 as pb
from citrine.api.v1 import reports_pb2 as reports
from citrine.api.v1.common_pb2 import Command
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import EVSE, GENERIC_STATUS_ENUM_REJECTED, Component, StatusInfo, Variable
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

ACCEPTED = ocpp.GetLogResponse(status=ocpp.LOG_STATUS_ENUM_ACCEPTED)

URL = "https://logs.example/inbox"


def command() -> Command:
    request = Struct()
    request.update({"requestId": 7})
    return Command(command_id="c-1", station_id="CS-1", request=request)


def test_a_log_is_asked_for(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetLog", pb.GetLogResponse(command=command(), response=ACCEPTED))

    ran = citrine("log", "get", "CS-1", URL, "--type", "security", "--from", "2026-03-01T00:00:00Z")

    assert ran.lines == ["CS-1 answered Accepted", "log 7"]
    (request,) = core.requests("GetLog")
    assert request.request.log_type == ocpp.LOG_ENUM_SECURITY_LOG
    assert request.request.log.remote_location == URL
    assert request.request.log.oldest_timestamp.ToJsonString() == "2026-03-01T00:00:00Z"


def test_a_log_is_waited_for(citrine: Cli, core: ScriptedCore) -> None:
    def arriving(request: Any, context: Any) -> Iterator[reports.ReportRun]:
        log = reports.ReportRun(request_id=7, kind=reports.REPORT_KIND_LOG, state=reports.REPORT_STATE_RECEIVING)
        log.status = "Uploading"
        yield log
        log.state, log.status = reports.REPORT_STATE_FAILED, "UploadFailure"
        yield log

    core.on("GetLog", pb.GetLogResponse(command=command(), response=ACCEPTED))
    core.on("WatchReportRun", arriving)

    ran = citrine("log", "get", "CS-1", URL, "--wait")

    assert ran.code == 1
    assert ran.lines[1:] == ["log 7 receiving: Uploading", "log 7 failed: UploadFailure"]
    assert ran.err == "error: log 7 is failed: UploadFailure\n"
    assert core.requests("WatchReportRun")[0].kind == reports.REPORT_KIND_LOG


def test_logs_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    log = pb.LogUpload(
        station_id="CS-1",
        request_id=7,
        log_type=ocpp.LOG_ENUM_DIAGNOSTICS_LOG,
        state=reports.REPORT_STATE_COMPLETE,
        status="Uploaded",
        filename="log.zip",
        remote_location=URL,
    )
    core.on("ListLogUploads", pb.ListLogUploadsResponse(log_uploads=[log]))

    ran = citrine("log", "list")

    assert ran.lines[1].split() == ["7", "CS-1", "DiagnosticsLog", "complete", "Uploaded", "log.zip", URL]
    assert citrine("log", "list", "--json").json[0]["filename"] == "log.zip"


def test_a_monitor_is_set(citrine: Cli, core: ScriptedCore) -> None:
    result = ocpp.SetMonitoringResult(id=70, status=ocpp.SET_MONITORING_STATUS_ENUM_ACCEPTED)
    answer = ocpp.SetVariableMonitoringResponse(set_monitoring_result=[result])
    core.on("SetVariableMonitoring", pb.SetVariableMonitoringResponse(command=command(), response=answer))

    ran = citrine("monitor", "set", "CS-1", "EVSE@1.AvailabilityState", "delta", "--severity", "5")

    assert ran.lines == ["monitor 70"]
    (request,) = core.requests("SetVariableMonitoring")
    assert list(request.request.set_monitoring_data) == [
        ocpp.SetMonitoringData(
            value=1,
            type=ocpp.MONITOR_ENUM_DELTA,
            severity=5,
            component=Component(name="EVSE", evse=EVSE(id=1)),
            variable=Variable(name="AvailabilityState"),
        )
    ]


def test_a_refusal_says_why(citrine: Cli, core: ScriptedCore) -> None:
    answer = ocpp.SetMonitoringLevelResponse(
        status=GENERIC_STATUS_ENUM_REJECTED, status_info=StatusInfo(reason_code="OutOfRange")
    )
    core.on("SetMonitoringLevel", pb.SetMonitoringLevelResponse(command=command(), response=answer))

    ran = citrine("monitor", "level", "CS-1", "4")

    assert (ran.code, ran.out) == (1, "")
    assert "CS-1 answered Rejected (OutOfRange)" in ran.err


def test_monitors_are_cleared(citrine: Cli, core: ScriptedCore) -> None:
    results = [
        ocpp.ClearMonitoringResult(id=1, status=ocpp.CLEAR_MONITORING_STATUS_ENUM_ACCEPTED),
        ocpp.ClearMonitoringResult(id=2, status=ocpp.CLEAR_MONITORING_STATUS_ENUM_REJECTED),
    ]
    answer = ocpp.ClearVariableMonitoringResponse(clear_monitoring_result=results)
    core.on("ClearVariableMonitoring", pb.ClearVariableMonitoringResponse(command=command(), response=answer))

    ran = citrine("monitor", "clear", "CS-1", "1", "2")

    assert ran.code == 1
    assert [line.split() for line in ran.lines[1:]] == [["1", "Accepted"], ["2", "Rejected"]]
    assert "1 of 2 monitors were not removed" in ran.err


def test_what_monitors_found_is_listed(citrine: Cli, core: ScriptedCore) -> None:
    event = ocpp.EventData(
        trigger=ocpp.EVENT_TRIGGER_ENUM_ALERTING,
        actual_value="900",
        component=Component(name="Fan"),
        variable=Variable(name="Speed"),
        tech_code="F1",
    )
    core.on("ListAlerts", pb.ListAlertsResponse(alerts=[pb.Alert(station_id="CS-1", event=event)]))
    monitor = pb.Monitor(station_id="CS-1", component=event.component, variable=event.variable)
    monitor.monitoring.MergeFrom(ocpp.VariableMonitoring(id=7, value=5, type=ocpp.MONITOR_ENUM_DELTA, severity=3))
    core.on("ListMonitors", pb.ListMonitorsResponse(monitors=[monitor]))

    assert citrine("monitor", "alerts").lines[1].split() == ["CS-1", "Fan.Speed", "900", "Alerting", "F1"]
    assert citrine("monitor", "list").lines[1].split() == ["7", "CS-1", "Fan.Speed", "Delta", "5", "3"]


def test_alerts_are_listed_with_the_monitors_that_one_is_shown_by(citrine: Cli, core: ScriptedCore) -> None:
    event = ocpp.EventData(actual_value="900", variable_monitoring_id=7)
    event.component.name, event.variable.name = "Fan", "Speed"
    alert = pb.Alert(station_id="CS-1", event=event)
    core.on("ListAlerts", pb.ListAlertsResponse(alerts=[alert]))
    core.on("GetAlert", alert)

    listed = citrine("monitor", "alerts", "--columns", "variable,monitor").lines[1].split()
    shown = citrine("monitor", "alert", "CS-1", "Fan.Speed", "--monitor", listed[1])

    assert listed == ["Fan.Speed", "7"]
    assert ["monitor", "7"] in [line.split() for line in shown.lines]


def test_one_alert_is_shown_by_what_its_event_names(citrine: Cli, core: ScriptedCore) -> None:
    event = ocpp.EventData(actual_value="900", tech_info="too fast", variable_monitoring_id=7)
    event.component.MergeFrom(Component(name="Fan", evse=EVSE(id=1)))
    event.variable.name = "Speed"
    core.on("GetAlert", pb.Alert(station_id="CS-1", event=event, acknowledge_note="a technician comes"))

    ran = citrine("monitor", "alert", "CS-1", "fan@1.speed", "--monitor", "7")

    assert ran.code == 0
    assert all(word in ran.out for word in ("Fan@1.Speed", "900", "too fast", "a technician comes"))
    [asked] = core.requests("GetAlert")
    assert (asked.component.name, asked.component.evse.id, asked.variable.name) == ("fan", 1, "speed")
    assert (asked.station_id, asked.monitor_id) == ("CS-1", 7)
