"""What ends or marks alerts besides their station, on a whole core with a station played by the test."""

import grpc
import pytest
from google.protobuf.message import Message

from citrine.api.v1 import diagnostics_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.events.v1.events_pb2 import AlertChanged
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import EVSE, GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED, Component, Variable
from tests.support.blocks import stamp
from tests.support.core import PASSWORD, RunningCore


def alert(monitor_id: int, event_id: int = 1, seq_no: int = 0) -> ocpp.NotifyEventRequest:
    data = ocpp.EventData(
        event_id=event_id,
        timestamp=stamp(),
        trigger=ocpp.EVENT_TRIGGER_ENUM_ALERTING,
        component=Component(name="Fan"),
        variable=Variable(name="Speed"),
        actual_value="900",
        variable_monitoring_id=monitor_id,
    )
    return ocpp.NotifyEventRequest(generated_at=stamp(), seq_no=seq_no, event_data=[data])


def _answer(command: link.Command) -> Message:
    request = unwrap(command.request)
    if isinstance(request, ocpp.ClearVariableMonitoringRequest):
        results = [
            ocpp.ClearMonitoringResult(id=number, status=ocpp.CLEAR_MONITORING_STATUS_ENUM_ACCEPTED)
            for number in request.id
        ]
        return ocpp.ClearVariableMonitoringResponse(clear_monitoring_result=results)
    if isinstance(request, ocpp.SetVariableMonitoringRequest):
        results_of_set = [
            ocpp.SetMonitoringResult(
                id=7 + place,
                status=ocpp.SET_MONITORING_STATUS_ENUM_ACCEPTED,
                type=data.type,
                severity=data.severity,
                component=data.component,
                variable=data.variable,
            )
            for place, data in enumerate(request.set_monitoring_data)
        ]
        return ocpp.SetVariableMonitoringResponse(set_monitoring_result=results_of_set)
    assert isinstance(request, ocpp.SetMonitoringBaseRequest)
    return ocpp.SetMonitoringBaseResponse(status=GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED)


async def _alerts(core: RunningCore) -> list[pb.Alert]:
    return list((await core.stub(DiagnosticsServiceStub).ListAlerts(pb.ListAlertsRequest())).alerts)


async def _changes(core: RunningCore, count: int) -> list[AlertChanged]:
    found: list[AlertChanged] = []
    async for response in core.stub(EventsServiceStub).Subscribe(
        SubscribeRequest(kinds=["alert_changed"], from_token="0")
    ):
        if response.event.WhichOneof("body") == "alert_changed":
            found.append(response.event.alert_changed)
        if len(found) >= count:
            break
    return found


async def test_N06_FR_01_a_cleared_monitor_takes_its_alerts_along(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        edge.on_command = _answer
        station = await edge.connect("CS-1", PASSWORD)
        await station.call_all([alert(7), alert(8, 2, 1)])

        await core.stub(DiagnosticsServiceStub).ClearVariableMonitoring(
            pb.ClearVariableMonitoringRequest(
                target=CommandTarget(station_id="CS-1"), request=ocpp.ClearVariableMonitoringRequest(id=[7])
            )
        )

    assert [shown.event.variable_monitoring_id for shown in await _alerts(core)] == [8]
    [change] = await _changes(core, 1)
    assert (change.state, change.event.variable_monitoring_id) == (AlertChanged.STATE_MONITOR_REMOVED, 7)


async def test_N03_FR_04_a_monitoring_base_that_removes_monitors_takes_their_alerts_along(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    api, target = core.stub(DiagnosticsServiceStub), CommandTarget(station_id="CS-1")
    data = ocpp.SetMonitoringData(
        value=800,
        type=ocpp.MONITOR_ENUM_UPPER_THRESHOLD,
        severity=5,
        component=Component(name="Fan"),
        variable=Variable(name="Speed"),
    )
    async with core.edge() as edge:
        edge.on_command = _answer
        station = await edge.connect("CS-1", PASSWORD)
        await station.call(HeartbeatRequest())
        await api.SetVariableMonitoring(
            pb.SetVariableMonitoringRequest(
                target=target, request=ocpp.SetVariableMonitoringRequest(set_monitoring_data=[data])
            )
        )
        # Of 7, which was set, and of one that the station came with and nobody reported.
        await station.call_all([alert(7), alert(99, 2, 1)])

        base = ocpp.SetMonitoringBaseRequest(monitoring_base=ocpp.MONITORING_BASE_ENUM_FACTORY_DEFAULT)
        await api.SetMonitoringBase(pb.SetMonitoringBaseRequest(target=target, request=base))

    assert [shown.event.variable_monitoring_id for shown in await _alerts(core)] == [99]


async def test_each_alert_is_got_by_what_its_event_names_in_any_case_cleared_or_not(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    await core.add_tenant("other")
    api = core.stub(DiagnosticsServiceStub)
    precise, cleared = alert(8, 2, 1), alert(9, 3, 2)
    [event] = precise.event_data
    event.component.MergeFrom(Component(instance="Left", evse=EVSE(id=1, connector_id=2)))
    event.variable.instance = "Max"
    event.ClearField("variable_monitoring_id")
    cleared.event_data[0].cleared = True
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        await station.call_all([alert(7), precise, cleared])
    fan, speed = Component(name="fAN"), Variable(name="sPEED")
    of_connector = Component(name="fan", instance="LEFT", evse=EVSE(id=1, connector_id=2))
    plain = pb.GetAlertRequest(station_id="CS-1", component=fan, variable=speed, monitor_id=7)
    exact = pb.GetAlertRequest(
        station_id="CS-1", component=of_connector, variable=Variable(name="speed", instance="max")
    )
    past = pb.GetAlertRequest(station_id="CS-1", component=fan, variable=speed, monitor_id=9)

    got = [await api.GetAlert(request) for request in (plain, exact)]

    assert sorted(got, key=lambda one: one.event.event_id) == sorted(
        await _alerts(core), key=lambda one: one.event.event_id
    )
    assert [one.event.event_id for one in got] == [1, 2]
    assert (await api.GetAlert(past)).cleared
    none = pb.GetAlertRequest(station_id="CS-1", component=fan, variable=speed)
    for request, tenant in ((none, "default"), (plain, "other")):
        with pytest.raises(grpc.aio.AioRpcError, match="does not exist"):
            await api.GetAlert(request, metadata=core.metadata(tenant))


async def test_an_operator_acknowledges_an_alert_until_it_is_reported_again(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    api = core.stub(DiagnosticsServiceStub)
    request = pb.AcknowledgeAlertRequest(
        station_id="CS-1", component="fan", variable="SPEED", note="a technician is on the way"
    )
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        await station.call(alert(7))

        answer = await api.AcknowledgeAlert(request)

        [shown] = await _alerts(core)
        assert list(answer.alerts) == [shown]
        assert shown.HasField("acknowledge_time")
        assert (shown.acknowledged_by, shown.acknowledge_note) == ("operator (key file)", "a technician is on the way")
        [change] = await _changes(core, 1)
        assert (change.state, change.acknowledged_by) == (AlertChanged.STATE_ACKNOWLEDGED, "operator (key file)")
        await station.call(alert(7, 2, 1))

    [shown] = await _alerts(core)
    assert not shown.HasField("acknowledge_time")
    assert shown.acknowledged_by == ""


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        pytest.param(
            pb.AcknowledgeAlertRequest(station_id="CS-1", component="Fan", variable="Speed", monitor_id=8),
            grpc.StatusCode.NOT_FOUND,
            id="of another monitor",
        ),
        pytest.param(
            pb.AcknowledgeAlertRequest(station_id="CS-1", component="Fan"),
            grpc.StatusCode.INVALID_ARGUMENT,
            id="no name",
        ),
        pytest.param(
            pb.AcknowledgeAlertRequest(station_id="CS-1", component="Fan", variable="Speed", note="x" * 256),
            grpc.StatusCode.INVALID_ARGUMENT,
            id="long note",
        ),
    ],
)
async def test_what_is_not_open_is_not_acknowledged(
    core: RunningCore, request_: pb.AcknowledgeAlertRequest, code: grpc.StatusCode
) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        await (await edge.connect("CS-1", PASSWORD)).call(alert(7))

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await core.stub(DiagnosticsServiceStub).AcknowledgeAlert(request_)

    assert refused.value.code() == code
