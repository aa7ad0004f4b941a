"""Monitors are kept as stations take and report them."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.message import Message

from citrine.api.v1 import diagnostics_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceStub
from citrine.api.v1.reports_pb2 import REPORT_KIND_MONITORING, REPORT_STATE_COMPLETE, GetReportRunRequest
from citrine.api.v1.reports_pb2_grpc import ReportsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import (
    EVSE,
    GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED,
    GENERIC_STATUS_ENUM_ACCEPTED,
    Component,
    Variable,
)
from tests.support.blocks import stamp
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, FakeSession

if TYPE_CHECKING:
    from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceAsyncStub

TARGET = CommandTarget(station_id="CS-1")
STATE = Variable(name="AvailabilityState")
ACCEPTED = GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED


def on_command(command: link.Command) -> Message:
    """Answer as a station does that takes everything."""
    match unwrap(command.request):
        case ocpp.SetVariableMonitoringRequest() as request:
            results = [
                ocpp.SetMonitoringResult(
                    id=70 + place,
                    status=ocpp.SET_MONITORING_STATUS_ENUM_ACCEPTED
                    if data.component.name != "Unknown"
                    else ocpp.SET_MONITORING_STATUS_ENUM_UNKNOWN_COMPONENT,
                    type=data.type,
                    severity=data.severity,
                    component=data.component,
                    variable=data.variable,
                )
                for place, data in enumerate(request.set_monitoring_data)
            ]
            # Stations need not keep the order.
            return ocpp.SetVariableMonitoringResponse(set_monitoring_result=reversed(results))
        case ocpp.ClearVariableMonitoringRequest() as request:
            cleared = [
                ocpp.ClearMonitoringResult(id=monitor, status=ocpp.CLEAR_MONITORING_STATUS_ENUM_ACCEPTED)
                for monitor in request.id
            ]
            return ocpp.ClearVariableMonitoringResponse(clear_monitoring_result=cleared)
        case ocpp.SetMonitoringBaseRequest():
            return ocpp.SetMonitoringBaseResponse(status=ACCEPTED)
        case ocpp.SetMonitoringLevelRequest():
            return ocpp.SetMonitoringLevelResponse(status=GENERIC_STATUS_ENUM_ACCEPTED)
    return ocpp.GetMonitoringReportResponse(status=ACCEPTED)


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        edge.on_command = on_command
        yield edge


@pytest.fixture
async def station(edge: FakeEdge) -> FakeSession:
    station = await edge.connect("CS-1", PASSWORD)
    # Its session is stored once something that came after is answered.
    await station.call(HeartbeatRequest())
    return station


@pytest.fixture
def api(core: RunningCore) -> "DiagnosticsServiceAsyncStub":
    return core.stub(DiagnosticsServiceStub)


def delta(component: str, **more: float) -> ocpp.SetMonitoringData:
    return ocpp.SetMonitoringData(
        component=Component(name=component, evse=EVSE(id=1)),
        variable=STATE,
        type=ocpp.MONITOR_ENUM_DELTA,
        **{"value": 1, "severity": 8, **more},  # type: ignore[arg-type]
    )


async def set_monitors(api: "DiagnosticsServiceAsyncStub", *data: ocpp.SetMonitoringData) -> None:
    request = ocpp.SetVariableMonitoringRequest(set_monitoring_data=data)
    await api.SetVariableMonitoring(pb.SetVariableMonitoringRequest(target=TARGET, request=request))


async def monitors(api: "DiagnosticsServiceAsyncStub", **filters: str) -> list[tuple[int, str]]:
    page = await api.ListMonitors(pb.ListMonitorsRequest(station_id="CS-1", **filters))  # type: ignore[arg-type]
    return [(monitor.monitoring.id, monitor.component.name) for monitor in page.monitors]


def report(request_id: int, seq_no: int, *ids: int, tbc: bool = False) -> ocpp.NotifyMonitoringReportRequest:
    found = [ocpp.VariableMonitoring(id=n, value=n, type=ocpp.MONITOR_ENUM_UPPER_THRESHOLD, severity=3) for n in ids]
    data = ocpp.MonitoringData(
        component=Component(name="Fan"), variable=Variable(name="Speed"), variable_monitoring=found
    )
    return ocpp.NotifyMonitoringReportRequest(
        request_id=request_id, seq_no=seq_no, generated_at=stamp(), tbc=tbc, monitor=[data]
    )


async def ask_for_report(api: "DiagnosticsServiceAsyncStub", request: ocpp.GetMonitoringReportRequest) -> int:
    answer = await api.GetMonitoringReport(pb.GetMonitoringReportRequest(target=TARGET, request=request))
    return int(answer.command.request["requestId"])  # type: ignore[arg-type]  # a number


@pytest.mark.usefixtures("station")
async def test_N04_FR_11_a_monitor_has_the_id_that_the_station_gave_it(api: "DiagnosticsServiceAsyncStub") -> None:
    await set_monitors(api, delta("EVSE"), delta("Unknown"), delta("Connector", severity=2))

    assert await monitors(api) == [(70, "EVSE"), (72, "Connector")]
    assert await monitors(api, component="evse", variable="availabilitystate") == [(70, "EVSE")]


@pytest.mark.usefixtures("station")
async def test_N06_FR_01_a_monitor_that_is_cleared_is_gone(api: "DiagnosticsServiceAsyncStub") -> None:
    await set_monitors(api, delta("EVSE"), delta("Connector"))

    request = ocpp.ClearVariableMonitoringRequest(id=[70, 99])
    await api.ClearVariableMonitoring(pb.ClearVariableMonitoringRequest(target=TARGET, request=request))

    assert await monitors(api) == [(71, "Connector")]


async def test_a_report_brings_monitors_part_by_part(
    core: RunningCore, api: "DiagnosticsServiceAsyncStub", station: FakeSession
) -> None:
    """One of all monitors says which ones are gone; one of some does not (N02.FR.11)."""
    await set_monitors(api, delta("EVSE"))
    criteria = [ocpp.MONITORING_CRITERION_ENUM_THRESHOLD_MONITORING]
    some = await ask_for_report(api, ocpp.GetMonitoringReportRequest(monitoring_criteria=criteria))
    await station.call_all([report(some, 0, 1, 2)])
    after_some = await monitors(api)

    all_of_them = await ask_for_report(api, ocpp.GetMonitoringReportRequest())
    await station.call_all([report(all_of_them, 0, 2, tbc=True), report(all_of_them, 0, 2, tbc=True)])
    await station.call(report(all_of_them, 1, 5))

    run = await core.stub(ReportsServiceStub).GetReportRun(
        GetReportRunRequest(station_id="CS-1", kind=REPORT_KIND_MONITORING, request_id=all_of_them)
    )
    assert after_some == [(1, "Fan"), (2, "Fan"), (70, "EVSE")]
    assert await monitors(api) == [(2, "Fan"), (5, "Fan")]
    assert (run.state, run.parts, run.items) == (REPORT_STATE_COMPLETE, 2, 2)


async def test_a_monitor_that_was_set_stays_one_when_it_is_reported(
    api: "DiagnosticsServiceAsyncStub", station: FakeSession
) -> None:
    """Reports of OCPP 2.0.1 do not say who set a monitor."""
    await set_monitors(api, delta("EVSE"))

    await station.call(report(await ask_for_report(api, ocpp.GetMonitoringReportRequest()), 0, 70, 71))

    page = await api.ListMonitors(pb.ListMonitorsRequest(station_id="CS-1"))
    assert [(one.monitoring.id, one.monitoring.event_notification_type) for one in page.monitors] == [
        (70, ocpp.EVENT_NOTIFICATION_ENUM_CUSTOM_MONITOR),
        (71, ocpp.EVENT_NOTIFICATION_ENUM_UNSPECIFIED),
    ]


@pytest.mark.usefixtures("station")
async def test_base_and_level_are_shown_once_a_station_took_them(api: "DiagnosticsServiceAsyncStub") -> None:
    await set_monitors(api, delta("EVSE"))
    base = ocpp.SetMonitoringBaseRequest(monitoring_base=ocpp.MONITORING_BASE_ENUM_FACTORY_DEFAULT)

    await api.SetMonitoringBase(pb.SetMonitoringBaseRequest(target=TARGET, request=base))
    level = ocpp.SetMonitoringLevelRequest(severity=4)
    await api.SetMonitoringLevel(pb.SetMonitoringLevelRequest(target=TARGET, request=level))

    shown = await api.GetMonitoring(pb.GetMonitoringRequest(station_id="CS-1"))
    assert (shown.base, shown.level) == (ocpp.MONITORING_BASE_ENUM_FACTORY_DEFAULT, 4)
    # N03.FR.04: that removes what was set.
    assert await monitors(api) == []


@pytest.mark.usefixtures("station")
async def test_what_no_station_can_take_is_not_sent(api: "DiagnosticsServiceAsyncStub", edge: FakeEdge) -> None:
    for data in (delta("EVSE", value=-1), delta("EVSE", severity=10)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await set_monitors(api, data)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT

    assert edge.commands == []
