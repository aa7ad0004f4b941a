"""More than a station takes in one message goes in several, and comes back as one answer."""

import itertools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import orjson
import pytest
from google.protobuf.message import Message

from citrine.api.v1 import provisioning_pb2 as pb
from citrine.api.v1 import reports_pb2
from citrine.api.v1.common_pb2 import COMMAND_STATE_QUEUED, CommandTarget
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.api.v1.reports_pb2_grpc import ReportsServiceStub
from citrine.edge.v1.link_pb2 import CallError, Command, CommandFailure
from citrine.ocpp.actions import unwrap
from citrine.ocpp.codec import encode
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import (
    GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED,
    GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET,
    GENERIC_DEVICE_MODEL_STATUS_ENUM_REJECTED,
    Component,
    ComponentVariable,
    CustomData,
    GenericDeviceModelStatusEnum,
    Variable,
)
from citrine_core.blocks.provisioning.message_splitting import Limits, outcome, split
from citrine_core.blocks.provisioning.repository import VariableKey, VariableRepository
from tests.support.blocks import NOW, stamp
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

if TYPE_CHECKING:
    from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceAsyncStub

TARGET = CommandTarget(station_id="CS-1")
CONTROLLER = Component(name="DeviceDataCtrlr")


def read(*names: str) -> ocpp.GetVariablesRequest:
    data = [ocpp.GetVariableData(component=Component(name="C"), variable=Variable(name=name)) for name in names]
    return ocpp.GetVariablesRequest(get_variable_data=data, custom_data=CustomData(vendor_id="ü"))


def write(*names: str) -> ocpp.SetVariablesRequest:
    data = [
        ocpp.SetVariableData(component=Component(name="C"), variable=Variable(name=name), attribute_value="1")
        for name in names
    ]
    return ocpp.SetVariablesRequest(set_variable_data=data)


def limit(name: str, action: str, value: str) -> ocpp.NotifyReportRequest:
    data = ocpp.ReportData(
        component=CONTROLLER,
        variable=Variable(name=name, instance=action),
        variable_attribute=[ocpp.VariableAttribute(value=value)],
    )
    return ocpp.NotifyReportRequest(request_id=1, generated_at=stamp(), seq_no=0, report_data=[data])


def answer(command: Command) -> Message:
    """Answer what is asked: each value is the name of its variable; the limit is two items."""
    request = unwrap(command.request)
    if isinstance(request, ocpp.GetReportRequest):
        return ocpp.GetReportResponse(status=GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED)
    if isinstance(request, ocpp.SetVariablesRequest):
        done = ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED
        return ocpp.SetVariablesResponse(
            set_variable_result=[
                ocpp.SetVariableResult(attribute_status=done, component=data.component, variable=data.variable)
                for data in request.set_variable_data
            ]
        )
    assert isinstance(request, ocpp.GetVariablesRequest)
    return ocpp.GetVariablesResponse(
        get_variable_result=[
            ocpp.GetVariableResult(
                attribute_status=ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED,
                component=data.component,
                variable=data.variable,
                attribute_value="2" if data.component == CONTROLLER else data.variable.name,
            )
            for data in request.get_variable_data
        ]
    )


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        edge.on_command = answer
        # With its answer it is stored that the websocket is open, so that commands find it.
        await session.call(HeartbeatRequest())
        yield session


@pytest.fixture
def api(core: RunningCore) -> "ProvisioningServiceAsyncStub":
    return core.stub(ProvisioningServiceStub)


def counts(station: FakeSession) -> list[int]:
    """Return how many variables each message named that was sent to the station."""
    requests = [unwrap(command.request) for command in station.edge.commands]
    return [
        len(getattr(request, "get_variable_data", None) or getattr(request, "set_variable_data", None) or [])
        for request in requests
    ]


async def test_B06_FR_05_variables_are_read_in_pieces_and_put_together(
    station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    await station.call(limit("ItemsPerMessage", "GetVariables", "4"))

    answered = await api.GetVariables(pb.GetVariablesRequest(target=TARGET, request=read("A", "B", "C", "D", "E")))

    assert counts(station) == [4, 1]
    assert [result.attribute_value for result in answered.response.get_variable_result] == ["A", "B", "C", "D", "E"]
    assert len(answered.commands) == 2
    assert answered.commands[-1] == answered.command


async def test_B05_FR_11_variables_are_set_in_pieces_and_stored(
    station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    await station.call(limit("itemspermessage", "setvariables", "1"))

    answered = await api.SetVariables(pb.SetVariablesRequest(target=TARGET, request=write("A", "B")))

    assert counts(station) == [1, 1]
    assert [result.variable.name for result in answered.response.set_variable_result] == ["A", "B"]
    stored = await api.ListVariables(pb.ListVariablesRequest(station_id="CS-1", component="C"))
    assert [(found.variable.name, found.value) for found in stored.variables] == [("A", "1"), ("B", "1")]


async def test_limits_that_are_not_known_are_asked_for_where_it_matters(
    station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    await api.GetVariables(pb.GetVariablesRequest(target=TARGET, request=read("A", "B", "C", "D")))
    few = counts(station)
    await api.SetVariables(pb.SetVariablesRequest(target=TARGET, request=write("A", "B", "C", "D", "E")))

    assert few == [4]
    # Two bytes hold nothing: then each item goes alone, and the station may judge.
    assert counts(station)[1:] == [2, 1, 1, 1, 1, 1]


async def test_station_that_does_not_tell_its_limits_is_sent_all(
    station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    def refuse(command: Command) -> Message | CommandFailure:
        request = unwrap(command.request)
        if isinstance(request, ocpp.GetVariablesRequest):
            return CommandFailure(reason=CommandFailure.REASON_CALL_ERROR, error=CallError(code="NotImplemented"))
        return answer(command)

    station.edge.on_command = refuse

    answered = await api.SetVariables(pb.SetVariablesRequest(target=TARGET, request=write("A", "B", "C", "D", "E")))

    assert counts(station) == [2, 5]
    assert len(answered.response.set_variable_result) == 5
    assert len(answered.commands) == 0


async def test_B05_FR_13_one_attribute_is_not_set_twice(
    station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.SetVariables(pb.SetVariablesRequest(target=TARGET, request=write("Interval", "INTERVAL")))

    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert station.edge.commands == []


async def test_pieces_for_a_station_that_is_off_all_wait(
    core: RunningCore, api: "ProvisioningServiceAsyncStub"
) -> None:
    await core.add_station("CS-2")
    key = VariableKey("DeviceDataCtrlr", "", -1, -1, "ItemsPerMessage", "GetVariables", ocpp.ATTRIBUTE_ENUM_ACTUAL)
    async with core.core.unit_of_work() as work:
        await VariableRepository(work.session).put_values("default", "CS-2", {key: "2"}, NOW)
        await work.commit()
    target = CommandTarget(station_id="CS-2", when_online=True)

    waiting = await api.GetVariables(pb.GetVariablesRequest(target=target, request=read("A", "B", "C")))

    assert [command.state for command in waiting.commands] == [COMMAND_STATE_QUEUED] * 2
    assert not waiting.HasField("response")


async def test_B08_FR_06_each_piece_of_a_custom_report_is_a_report(
    core: RunningCore, station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    await station.call(limit("ItemsPerMessage", "GetReport", "2"))
    request = ocpp.GetReportRequest(
        request_id=7,
        component_variable=[ComponentVariable(component=Component(name=name)) for name in "ABC"],
        component_criteria=[ocpp.COMPONENT_CRITERION_ENUM_PROBLEM],
    )

    answered = await api.GetReport(pb.GetReportRequest(target=TARGET, request=request))

    sent = [ocpp.GetReportRequest.FromString(unwrap(c.request).SerializeToString()) for c in station.edge.commands]
    assert [len(each.component_variable) for each in sent] == [2, 1]
    assert {each.component_criteria[0] for each in sent} == {ocpp.COMPONENT_CRITERION_ENUM_PROBLEM}
    assert [each.request_id for each in sent] == list(answered.request_ids)
    assert answered.request_ids[0] == 7
    runs = await core.stub(ReportsServiceStub).ListReportRuns(reports_pb2.ListReportRunsRequest(station_id="CS-1"))
    states = {run.request_id: run.state for run in runs.report_runs if run.request_id != 1}
    assert states == dict.fromkeys(answered.request_ids, reports_pb2.REPORT_STATE_REQUESTED)


def length(request: Message) -> int:
    return len(orjson.dumps([2, "0" * 36, "GetVariables", encode(request)]))


@pytest.mark.parametrize("size", [60, 180, 181, 300, 10_000])
def test_pieces_hold_as_many_bytes_as_the_station_takes(size: int) -> None:
    request = read(*(f"Variable{number}ü" for number in range(20)))

    pieces = split(request, Limits(size=size))

    frames = [orjson.dumps([2, "0" * 36, "GetVariables", encode(piece)]) for piece in pieces]
    assert all(
        len(frame) <= size or len(piece.get_variable_data) == 1 for frame, piece in zip(frames, pieces, strict=True)
    )
    assert [data for piece in pieces for data in piece.get_variable_data] == list(request.get_variable_data)
    assert all(piece.custom_data == request.custom_data for piece in pieces)
    # None has room for the first item of the next.
    for this, following in itertools.pairwise(pieces):
        this.get_variable_data.append(following.get_variable_data[0])
        assert length(this) > size


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(["EMPTY", "ACCEPTED"], "ACCEPTED", id="some-report"),
        pytest.param(["EMPTY", "EMPTY"], "EMPTY", id="nothing"),
        pytest.param(["ACCEPTED", "REJECTED", "EMPTY"], "REJECTED", id="refusal"),
        pytest.param(["ACCEPTED", None], None, id="waits"),
    ],
)
def test_answers_to_a_custom_report_make_one(given: list[str | None], expected: str | None) -> None:
    statuses: dict[str | None, GenericDeviceModelStatusEnum.ValueType] = {
        "ACCEPTED": GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED,
        "REJECTED": GENERIC_DEVICE_MODEL_STATUS_ENUM_REJECTED,
        "EMPTY": GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET,
    }

    found = outcome([None if name is None else ocpp.GetReportResponse(status=statuses[name]) for name in given])

    assert (None if found is None else found.status) == (None if expected is None else statuses[expected])
