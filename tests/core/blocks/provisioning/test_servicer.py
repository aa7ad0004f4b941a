"""ProvisioningService on a whole core, with stations played by the test."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.message import Message

from citrine.api.v1 import provisioning_pb2 as pb
from citrine.api.v1.commands_pb2 import GetCommandRequest
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandState, CommandTarget
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.edge.v1.link_pb2 import Command
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import EVSE, Component, Variable
from tests.support.blocks import stamp
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

if TYPE_CHECKING:
    from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceAsyncStub

TARGET = CommandTarget(station_id="CS-1")


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        # With its answer it is stored that the websocket is open, so that commands find it.
        await session.call(HeartbeatRequest())
        yield session


@pytest.fixture
def api(core: RunningCore) -> "ProvisioningServiceAsyncStub":
    return core.stub(ProvisioningServiceStub)


def report(seq_no: int, *names: str, last: bool = False, request_id: int = 1) -> ocpp.NotifyReportRequest:
    report_data = [
        ocpp.ReportData(
            component=Component(name=name, evse=EVSE(id=1)),
            variable=Variable(name="Power", instance="max"),
            variable_attribute=[ocpp.VariableAttribute(value="11", persistent=True)],
            variable_characteristics=ocpp.VariableCharacteristics(data_type=ocpp.DATA_ENUM_DECIMAL, max_limit=1e300),
        )
        for name in names
    ]
    return ocpp.NotifyReportRequest(
        request_id=request_id, seq_no=seq_no, generated_at=stamp(), report_data=report_data, tbc=not last
    )


async def test_device_model_is_listed_as_it_was_reported(
    station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    await station.call(report(0, "EVSE", last=True))

    [shown] = (await api.ListVariables(pb.ListVariablesRequest(station_id="CS-1"))).variables

    assert shown.component == Component(name="EVSE", evse=EVSE(id=1))
    assert shown.variable == Variable(name="Power", instance="max")
    assert (shown.attribute, shown.value, shown.persistent) == (ocpp.ATTRIBUTE_ENUM_ACTUAL, "11", True)
    assert shown.mutability == ocpp.MUTABILITY_ENUM_READ_WRITE
    assert shown.characteristics.max_limit == 1e300
    assert shown.HasField("update_time")


async def test_device_model_is_listed_page_by_page_and_filtered(
    station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    await station.call(report(0, "C", "A", "E", "B", "D", last=True))
    request = pb.ListVariablesRequest(station_id="CS-1", page_size=2)
    names = []
    while True:
        page = await api.ListVariables(request)
        names += [shown.component.name for shown in page.variables]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    filtered = await api.ListVariables(pb.ListVariablesRequest(station_id="CS-1", component="b", variable="POWER"))
    none = await api.ListVariables(pb.ListVariablesRequest(station_id="CS-1", component="b", variable="Current"))

    assert names == ["A", "B", "C", "D", "E"]
    assert [shown.component.name for shown in filtered.variables] == ["B"]
    assert len(none.variables) == 0


async def test_another_tenant_sees_no_device_model(
    core: RunningCore, station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    await core.add_tenant("other")
    await station.call(report(0, "A", last=True))

    with pytest.raises(grpc.aio.AioRpcError) as seen:
        await api.ListVariables(pb.ListVariablesRequest(station_id="CS-1"), metadata=core.metadata("other"))

    assert seen.value.code() is grpc.StatusCode.NOT_FOUND


async def test_station_is_required(core: RunningCore, api: "ProvisioningServiceAsyncStub") -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.ListVariables(pb.ListVariablesRequest())

    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "station_id" in str(error.value.details())


async def test_values_are_stored_before_the_caller_has_the_answer(
    station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    def answer(command: Command) -> Message:
        request = unwrap(command.request)
        if isinstance(request, ocpp.GetVariablesRequest):
            [data] = request.get_variable_data
            return ocpp.GetVariablesResponse(
                get_variable_result=[
                    ocpp.GetVariableResult(
                        attribute_status=ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED,
                        component=data.component,
                        variable=data.variable,
                        attribute_value="300",
                    )
                ]
            )
        assert isinstance(request, ocpp.SetVariablesRequest)
        [setting] = request.set_variable_data
        return ocpp.SetVariablesResponse(
            set_variable_result=[
                ocpp.SetVariableResult(
                    attribute_status=ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED,
                    component=setting.component,
                    variable=setting.variable,
                )
            ]
        )

    station.edge.on_command = answer
    component, variable = Component(name="OCPPCommCtrlr"), Variable(name="HeartbeatInterval")
    seen: list[pb.Variable] = []
    read = ocpp.GetVariablesRequest(get_variable_data=[ocpp.GetVariableData(component=component, variable=variable)])
    await api.GetVariables(pb.GetVariablesRequest(target=TARGET, request=read))
    seen += (await api.ListVariables(pb.ListVariablesRequest(station_id="CS-1"))).variables
    setting = ocpp.SetVariableData(component=component, variable=variable, attribute_value="60")
    write = ocpp.SetVariablesRequest(set_variable_data=[setting])
    await api.SetVariables(pb.SetVariablesRequest(target=TARGET, request=write))
    seen += (await api.ListVariables(pb.ListVariablesRequest(station_id="CS-1"))).variables

    assert [shown.value for shown in seen] == ["300", "60"]


async def test_secrets_that_a_station_tells_are_stored_and_shown_nowhere(
    core: RunningCore, station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    component, variable = Component(name="EVSE"), Variable(name="SharedSecret")
    result = ocpp.GetVariableResult(
        attribute_status=ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED,
        component=component,
        variable=variable,
        attribute_value="hush-hush",
    )
    station.edge.on_command = lambda command: ocpp.GetVariablesResponse(get_variable_result=[result])
    data = ocpp.GetVariableData(component=component, variable=variable)

    read = await api.GetVariables(
        pb.GetVariablesRequest(target=TARGET, request=ocpp.GetVariablesRequest(get_variable_data=[data]))
    )

    stored = await core.stub(CommandsServiceStub).GetCommand(GetCommandRequest(command_id=read.command.command_id))
    [variable_of_station] = (await api.ListVariables(pb.ListVariablesRequest(station_id="CS-1"))).variables
    assert read.response.get_variable_result[0].attribute_value == "********"
    assert "hush-hush" not in f"{read.command}{stored}{variable_of_station}"
    assert "********" in str(stored.response)


async def test_reset_returns_the_stations_answer(station: FakeSession, api: "ProvisioningServiceAsyncStub") -> None:
    station.edge.on_command = lambda command: ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_SCHEDULED)

    response = await api.Reset(pb.ResetRequest(target=TARGET, request=ocpp.ResetRequest(type=ocpp.RESET_ENUM_ON_IDLE)))

    assert response.response.status == ocpp.RESET_STATUS_ENUM_SCHEDULED
    assert response.command.state == CommandState.COMMAND_STATE_ANSWERED


async def test_after_a_boot_nothing_is_sent_that_nobody_asked_for(station: FakeSession) -> None:
    boot = ocpp.BootNotificationRequest(
        charging_station=ocpp.ChargingStation(model="M", vendor_name="V"), reason=ocpp.BOOT_REASON_ENUM_POWER_UP
    )
    answer = await station.call(boot)
    for _ in range(3):
        await station.call(HeartbeatRequest())

    assert answer.status == ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED
    assert station.edge.commands == []
