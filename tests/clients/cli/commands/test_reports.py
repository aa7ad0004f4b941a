"""`citrine report`: what is asked, what is printed, how it ends."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct

from citrine.api.v1 import reports_pb2 as pb
from citrine.api.v1.common_pb2 import Command
from citrine.api.v1.provisioning_pb2 import GetBaseReportResponse, GetReportResponse
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import (
    EVSE,
    GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED,
    GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET,
    Component,
    ComponentVariable,
    Variable,
)
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

DEVICE_MODEL = pb.REPORT_KIND_DEVICE_MODEL


def requested() -> GetBaseReportResponse:
    request = Struct()
    request.update({"requestId": 7})
    return GetBaseReportResponse(
        command=Command(command_id="c-1", request=request),
        response=ocpp.GetBaseReportResponse(status=GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED),
    )


def run(state: pb.ReportState.ValueType, **fields: Any) -> pb.ReportRun:
    return pb.ReportRun(request_id=7, station_id="CS-1", kind=DEVICE_MODEL, state=state, **fields)


def arriving(last: pb.ReportRun) -> Any:
    def stream(request: Any, context: Any) -> Iterator[pb.ReportRun]:
        yield run(pb.REPORT_STATE_REQUESTED)
        yield run(pb.REPORT_STATE_RECEIVING, parts=1, items=20)
        yield last

    return stream


def test_a_base_report_is_asked_for(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetBaseReport", requested())

    ran = citrine("report", "request", "base", "CS-1", "--base", "summary")

    assert ran.lines == ["report 7: Accepted"]
    (request,) = core.requests("GetBaseReport")
    assert request.target.station_id == "CS-1"
    assert request.request == ocpp.GetBaseReportRequest(report_base=ocpp.REPORT_BASE_ENUM_SUMMARY_INVENTORY)


def test_a_base_report_is_waited_for(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetBaseReport", requested())
    core.on("WatchReportRun", arriving(run(pb.REPORT_STATE_COMPLETE, parts=2, items=31)))

    ran = citrine("report", "request", "base", "CS-1", "--wait")

    assert ran.lines == [
        "report 7 requested: 0 parts, 0 items",
        "report 7 receiving: 1 part, 20 items",
        "report 7 complete: 2 parts, 31 items",
    ]
    assert core.requests("WatchReportRun") == [
        pb.WatchReportRunRequest(station_id="CS-1", kind=DEVICE_MODEL, request_id=7)
    ]


def test_a_custom_report_names_components_and_criteria(citrine: Cli, core: ScriptedCore) -> None:
    response = ocpp.GetReportResponse(status=GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET)
    core.on("GetReport", GetReportResponse(response=response, request_ids=[7, 8]))

    ran = citrine("report", "request", "custom", "CS-1", "EVSE@1.AvailabilityState", "Fan[2]", "--criterion", "problem")

    assert (ran.code, ran.lines) == (1, ["report 7: EmptyResultSet", "report 8: EmptyResultSet"])
    assert ran.err == "error: CS-1 answered EmptyResultSet\n"
    (request,) = core.requests("GetReport")
    assert request.request == ocpp.GetReportRequest(
        component_variable=[
            ComponentVariable(
                component=Component(name="EVSE", evse=EVSE(id=1)), variable=Variable(name="AvailabilityState")
            ),
            ComponentVariable(component=Component(name="Fan", instance="2")),
        ],
        component_criteria=[ocpp.COMPONENT_CRITERION_ENUM_PROBLEM],
    )


def test_a_report_that_does_not_come_whole_is_a_failure(citrine: Cli, core: ScriptedCore) -> None:
    core.on("WatchReportRun", arriving(run(pb.REPORT_STATE_GAP, parts=2, items=31, missing_parts=[1, 2])))

    ran = citrine("report", "wait", "CS-1", "7", "--kind", "monitoring")

    assert ran.code == 1
    assert ran.lines[-1] == "report 7 gap: 2 parts, 31 items, missing parts 1, 2"
    assert ran.err == "error: report 7 is gap\n"
    assert core.requests("WatchReportRun")[0].kind == pb.REPORT_KIND_MONITORING


def test_reports_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListReportRuns", pb.ListReportRunsResponse(report_runs=[run(pb.REPORT_STATE_REFUSED, status="Rejected")]))

    people = citrine("report", "list", "--station", "CS-1", "--kind", "device-model", "--state", "refused")
    machines = citrine("report", "list", "--json")

    assert people.lines[1].split() == ["7", "CS-1", "device", "model", "refused", "Rejected", "0", "0"]
    assert machines.json == [
        {
            "kind": "REPORT_KIND_DEVICE_MODEL",
            "requestId": 7,
            "stationId": "CS-1",
            "state": "REPORT_STATE_REFUSED",
            "status": "Rejected",
        }
    ]
    assert core.requests("ListReportRuns")[0] == pb.ListReportRunsRequest(
        page_size=1000, station_id="CS-1", kind=DEVICE_MODEL, state=pb.REPORT_STATE_REFUSED
    )


def test_a_report_and_what_it_says_are_shown(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetReportRun", run(pb.REPORT_STATE_EXPIRED, parts=1, items=1, problem="nothing came"))
    data = ocpp.ReportData(
        component=Component(name="EVSE"),
        variable=Variable(name="Power"),
        variable_attribute=[ocpp.VariableAttribute(value="11")],
    )
    part = pb.ReportPart(device_model=ocpp.NotifyReportRequest(request_id=7, report_data=[data]))
    core.on("ListReportParts", pb.ListReportPartsResponse(parts=[part]))

    shown = citrine("report", "show", "CS-1", "7")
    parts = citrine("report", "show", "CS-1", "7", "--parts")
    machines = citrine("report", "show", "CS-1", "7", "--parts", "--json")

    assert "problem  nothing came" in shown.lines
    assert parts.lines[1].split() == ["0", "EVSE.Power", "11"]
    assert machines.json[0]["deviceModel"]["requestId"] == 7


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["request", "base", "CS-1", "--base", "all"], "--base: 'all' is none of full, configuration, summary"),
        (["request", "custom", "CS-1"], "name a component or a --criterion"),
        (["request", "custom", "CS-1", "--criterion", "odd"], "none of Active, Available, Enabled, Problem"),
        (["request", "custom", "CS-1", "@1"], "'@1' names no component"),
        (["wait", "CS-1", "7", "--kind", "odd"], "--kind: 'odd' is none of device-model, monitoring"),
        (["list", "--state", "odd"], "--state: 'odd' is none of requested"),
    ],
)
def test_what_can_not_be_right_is_refused(citrine: Cli, core: ScriptedCore, arguments: list[str], problem: str) -> None:
    ran = citrine("report", *arguments)

    assert ran.code == 2
    assert problem in ran.err
    assert core.seen == []
