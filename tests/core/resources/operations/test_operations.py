"""Operations on whole cores, with stations played by the test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import operations_pb2 as pb
from citrine.api.v1.audit_pb2 import ListAuditRecordsRequest
from citrine.api.v1.audit_pb2_grpc import AuditServiceStub
from citrine.api.v1.commands_pb2 import CancelCommandRequest, GetCommandRequest, ListCommandsRequest
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWERED, CommandTarget
from citrine.api.v1.firmware_management_pb2 import UpdateFirmwareRequest
from citrine.api.v1.keys_pb2 import CreateKeyRequest, RevokeKeyRequest, RotateKeyRequest
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from citrine.api.v1.locations_pb2 import CreateLocationRequest
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.operations_pb2 import OperationState
from citrine.api.v1.operations_pb2_grpc import OperationsServiceStub
from citrine.api.v1.provisioning_pb2 import ResetRequest, SetVariablesRequest
from citrine.api.v1.remote_control_pb2 import TriggerMessageRequest
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import (
    STATION_CONNECTION_NEVER,
    STATION_CONNECTION_OPEN,
    AcceptStationRequest,
    DeleteStationRequest,
    GetStationRequest,
    Station,
    UpdateStationRequest,
)
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.edge.v1.link_pb2 import Command, CommandFailure
from citrine.events.v1.events_pb2 import Event, OperationChanged
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import (
    CONNECTOR_STATUS_ENUM_FAULTED,
    HeartbeatRequest,
    StatusNotificationRequest,
)
from citrine.ocpp.v2.firmware_management_pb2 import UPDATE_FIRMWARE_STATUS_ENUM_ACCEPTED, UpdateFirmwareResponse
from citrine.ocpp.v2.firmware_management_pb2 import Firmware as FirmwareType
from citrine.ocpp.v2.firmware_management_pb2 import UpdateFirmwareRequest as OcppUpdateFirmwareRequest
from citrine.ocpp.v2.remote_control_pb2 import TriggerMessageRequest as OcppTriggerMessageRequest
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_core.resources import operations
from citrine_core.resources.keys import ApiKey
from citrine_core.resources.operations import OperationRunner, runner
from citrine_core.resources.operations.jobs import LEASE
from citrine_core.resources.operations.models import Operation
from tests.core.resources.locations.test_servicer import place
from tests.support.api import auth, field_violations
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession, timestamp
from tests.support.waiting import PAUSE

WAIT = 15.0

ACCEPTED = ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_ACCEPTED)
REJECTED = ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_REJECTED)

UPDATING = UpdateFirmwareResponse(status=UPDATE_FIRMWARE_STATUS_ENUM_ACCEPTED)
RESET = pb.OperationAction(reset=ResetRequest(request=ocpp.ResetRequest(type=ocpp.RESET_ENUM_ON_IDLE)))
EVERYTHING = pb.OperationSelection(all_stations=True)

CS_1_TO_3 = ["CS-1", "CS-2", "CS-3"]


@dataclass
class Yard:
    """Stations on a core."""

    core: RunningCore
    edge: FakeEdge

    @property
    def api(self) -> Any:
        return self.core.stub(OperationsServiceStub)

    async def add(self, *station_ids: str, **columns: Any) -> None:
        """Register stations that were accepted."""
        for station_id in station_ids:
            await self.core.add_station(station_id, **{"registration": 1, **columns})

    async def connect(self, *station_ids: str) -> list[FakeSession]:
        """Connect stations, so that commands find them."""
        sessions = [await self.edge.connect(station_id, PASSWORD) for station_id in station_ids]
        for session in sessions:
            await session.call(HeartbeatRequest())
        return sessions

    async def create(self, action: pb.OperationAction = RESET, **fields: Any) -> pb.Operation:
        """Begin an operation on all stations."""
        operation = pb.Operation(**{"action": action, "selection": EVERYTHING, **fields})
        created: pb.Operation = await self.api.CreateOperation(pb.CreateOperationRequest(operation=operation))
        return created

    async def get(self, operation: pb.Operation) -> pb.Operation:
        found: pb.Operation = await self.api.GetOperation(pb.GetOperationRequest(operation_id=operation.operation_id))
        return found

    async def results(self, operation: pb.Operation, **filters: Any) -> list[pb.OperationResult]:
        request = pb.ListOperationResultsRequest(operation_id=operation.operation_id, **filters)
        return list((await self.api.ListOperationResults(request)).results)

    async def states(self, operation: pb.Operation) -> dict[str, str]:
        """Return the state of each station."""
        name, prefix = pb.OperationResultState.Name, "OPERATION_RESULT_STATE_"
        return {one.station_id: name(one.state).removeprefix(prefix) for one in await self.results(operation)}

    async def until(self, operation: pb.Operation, wanted: Callable[[pb.Operation], bool]) -> pb.Operation:
        """Wait until an operation is as wanted, and return it."""
        async with asyncio.timeout(WAIT):
            while not wanted(found := await self.get(operation)):
                await asyncio.sleep(PAUSE)
        return found

    async def ended(self, operation: pb.Operation) -> pb.Operation:
        return await self.until(operation, lambda found: found.HasField("finish_time"))

    async def changes(self, operation: pb.Operation, last: int) -> list[OperationChanged]:
        """Return the events of an operation up to a state."""
        stream = self.core.stub(EventsServiceStub).Subscribe(SubscribeRequest(from_token="0"), timeout=WAIT)
        found: list[OperationChanged] = []
        async for response in stream:
            event: Event = response.event
            if event.operation_changed.operation_id == operation.operation_id:
                found.append(event.operation_changed)
                if found[-1].state == last:
                    stream.cancel()
                    return found
        raise AssertionError("the stream ended")

    def sent(self) -> list[str]:
        """Return to which stations commands were sent, in the order of their ids."""
        return sorted(command.session.station_id for command in self.edge.commands)


async def run(yard: Yard, **later: float) -> None:
    """Do what is due after a time, by a runner of its own as another core has one."""
    await later_runner(yard, **later).run()


def later_runner(yard: Yard, **later: float) -> OperationRunner:
    services, ahead = yard.core.core.services, timedelta(**later)
    return runner(replace(services, clock=lambda: services.clock() + ahead))


@pytest.fixture
async def yard(core: RunningCore) -> AsyncIterator[Yard]:
    """CS-1, CS-2 and CS-3, which accept to be reset; none is connected."""
    async with core.edge() as edge:
        edge.on_command = lambda command: ACCEPTED
        found = Yard(core, edge)
        await found.add(*CS_1_TO_3)
        yield found


def held_answers(edge: FakeEdge) -> Callable[[str], None]:
    """Have stations not answer; return what lets one of them."""
    edge.on_command = lambda command: None

    def let(station_id: str) -> None:
        command = next(one for one in edge.commands if one.session.station_id == station_id)
        edge.put(link.Upstream(command_result=edge.result(command, ACCEPTED)))

    return let


async def test_stations_are_asked_some_at_a_time_and_one_that_stands_still_delays_no_other(yard: Yard) -> None:
    """As by the rpc itself: with commands, in the name of the caller, and in the audit."""
    await yard.connect(*CS_1_TO_3)
    let = held_answers(yard.edge)

    operation = await yard.create(max_parallel=2, reason="new year")
    for _ in range(2):
        await yard.edge.next("command")
    await run(yard)
    assert yard.sent() == ["CS-1", "CS-2"]
    shown = await yard.get(operation)
    assert (shown.progress.running, shown.progress.pending, shown.progress.total) == (2, 1, 3)
    let("CS-2")
    assert (await yard.edge.next("command")).session.station_id == "CS-3"
    let("CS-3")
    await yard.until(operation, lambda found: found.progress.succeeded == 2)
    let("CS-1")
    shown = await yard.ended(operation)

    assert (shown.state, shown.progress.succeeded) == (pb.OPERATION_STATE_COMPLETED, 3)
    results = await yard.results(operation)
    assert [(one.status, one.command_state, one.attempts) for one in results] == [
        ("Accepted", COMMAND_STATE_ANSWERED, 1)
    ] * 3
    commands: Any = yard.core.stub(CommandsServiceStub)
    command = await commands.GetCommand(GetCommandRequest(command_id=results[0].command_id))
    assert (command.station_id, command.action, command.reason) == ("CS-1", "Reset", "new year")
    assert command.requested_by == shown.requested_by
    audit: Any = yard.core.stub(AuditServiceStub)
    records = (await audit.ListAuditRecords(ListAuditRecordsRequest(method="ProvisioningService/Reset"))).records
    assert {(one.caller_name, one.address) for one in records} == {
        (shown.requested_by, f"operation {operation.operation_id}")
    }
    assert len(records) == 3
    begun, completed = await yard.changes(operation, OperationState.OPERATION_STATE_COMPLETED)
    assert (begun.state, begun.total, begun.action) == (OperationState.OPERATION_STATE_RUNNING, 3, "reset")
    assert (completed.succeeded, completed.failed) == (3, 0)


async def test_what_becomes_of_a_station_is_shown_whatever_it_does(yard: Yard) -> None:
    await yard.add("CS-4")
    sessions = await yard.connect(*CS_1_TO_3)
    answers: dict[str, Any] = {
        "CS-1": REJECTED,
        "CS-2": CommandFailure(reason=CommandFailure.REASON_CALL_ERROR),
        "CS-3": CommandFailure(reason=CommandFailure.REASON_LOST),
    }
    answers["CS-2"].error.code = "InternalError"
    yard.edge.on_command = lambda command: answers[command.session.station_id]

    operation = await yard.create()
    shown = await yard.ended(operation)

    assert [session.station_id for session in sessions] == CS_1_TO_3
    assert await yard.states(operation) == {"CS-1": "REFUSED", "CS-2": "FAILED", "CS-3": "FAILED", "CS-4": "SKIPPED"}
    progress = shown.progress
    assert (progress.refused, progress.failed, progress.skipped, progress.total) == (1, 2, 1, 4)
    (refused,) = await yard.results(operation, state=pb.OPERATION_RESULT_STATE_REFUSED)
    assert (refused.status, refused.connected) == ("Rejected", True)
    reasons = {one.station_id: one.reason for one in await yard.results(operation)}
    assert reasons["CS-4"] == "the station is not connected"
    assert "may have arrived" in reasons["CS-3"]
    assert yard.sent() == CS_1_TO_3


async def test_firmware_with_an_id_of_the_caller_is_sent_again_with_another(yard: Yard) -> None:
    """The record of what was not sent has that id."""
    await yard.connect("CS-1")
    answers: list[Message] = [CommandFailure(reason=CommandFailure.REASON_GONE), UPDATING]
    yard.edge.on_command = lambda command: answers.pop(0)
    firmware = FirmwareType(location="https://firmware.example/1.bin", retrieve_date_time=timestamp())
    update = UpdateFirmwareRequest(request=OcppUpdateFirmwareRequest(request_id=77, firmware=firmware))
    operation = await yard.create(pb.OperationAction(update_firmware=update), offline=pb.OFFLINE_STATIONS_WAIT)
    await yard.until(operation, lambda found: len(answers) == 1 and not found.progress.running)

    await run(yard, seconds=6)
    shown = await yard.until(operation, lambda found: found.progress.succeeded + found.progress.failed == 1)

    assert shown.progress.succeeded == 1
    first, second = [unwrap(command.request).request_id for command in yard.edge.commands[-2:]]  # type: ignore[attr-defined]
    assert (first, second != first) == (77, True)


async def test_stations_that_are_offline_wait_for_as_long_as_the_operation_lasts(yard: Yard) -> None:
    """One that is gone before anything was sent waits, too."""
    await yard.connect("CS-1", "CS-2")
    failures = {"CS-2": [CommandFailure(reason=CommandFailure.REASON_GONE)]}

    def answer(command: Command) -> Message:
        left = failures.get(command.session.station_id)
        return left.pop() if left else ACCEPTED

    yard.edge.on_command = answer
    operation = await yard.create(offline=pb.OFFLINE_STATIONS_WAIT)
    shown = await yard.until(operation, lambda found: found.progress.succeeded == 1 and found.progress.pending == 2)
    assert shown.progress.offline == 1
    assert await yard.states(operation) == {"CS-1": "SUCCEEDED", "CS-2": "PENDING", "CS-3": "PENDING"}

    await run(yard, seconds=6)
    await yard.until(operation, lambda found: found.progress.succeeded == 2)
    assert [one.attempts for one in await yard.results(operation)] == [1, 2, 0]
    other = await yard.create(offline=pb.OFFLINE_STATIONS_WAIT)
    await yard.connect("CS-3")
    assert (await yard.ended(operation)).progress.succeeded == 3
    assert (await yard.ended(other)).progress.succeeded == 3

    await yard.add("CS-4")
    late = await yard.create(offline=pb.OFFLINE_STATIONS_WAIT)
    await yard.until(late, lambda found: found.progress.succeeded == 3)
    await run(yard, hours=25)
    assert (await yard.ended(late)).progress.expired == 1
    assert (await yard.states(late))["CS-4"] == "EXPIRED"


async def test_a_cancelled_operation_begins_with_no_further_station(yard: Yard) -> None:
    await yard.connect(*CS_1_TO_3)
    let = held_answers(yard.edge)
    operation = await yard.create(max_parallel=1)
    await yard.edge.next("command")

    request = pb.CancelOperationRequest(operation_id=operation.operation_id, reason="a mistake")
    cancelling = await yard.api.CancelOperation(request)
    assert (cancelling.state, cancelling.state_reason) == (pb.OPERATION_STATE_CANCELLING, "a mistake")
    let("CS-1")
    shown = await yard.ended(operation)

    assert shown.state == pb.OPERATION_STATE_CANCELLED
    assert await yard.states(operation) == {"CS-1": "SUCCEEDED", "CS-2": "CANCELLED", "CS-3": "CANCELLED"}
    assert yard.sent() == ["CS-1"]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await yard.api.CancelOperation(request)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    changes = await yard.changes(operation, OperationState.OPERATION_STATE_CANCELLED)
    assert [one.state for one in changes] == [1, 2, 4]
    assert (changes[-1].left_out, changes[-1].reason) == (2, "a mistake")


async def test_a_question_for_limits_before_the_action_is_not_the_action(yard: Yard) -> None:
    """More items than each station takes, and limits that are not known: the result shows the command with them."""

    def answer(command: Command) -> Message:
        request = unwrap(command.request)
        if isinstance(request, ocpp.GetVariablesRequest):
            return ocpp.GetVariablesResponse()
        assert isinstance(request, ocpp.SetVariablesRequest)
        done = ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED
        items = [
            ocpp.SetVariableResult(attribute_status=done, component=item.component, variable=item.variable)
            for item in request.set_variable_data
        ]
        return ocpp.SetVariablesResponse(set_variable_result=items)

    yard.edge.on_command = answer
    await yard.connect("CS-1")
    items = [
        ocpp.SetVariableData(component=Component(name="C"), variable=Variable(name=name), attribute_value="1")
        for name in "abcde"
    ]
    request = SetVariablesRequest(request=ocpp.SetVariablesRequest(set_variable_data=items))
    operation = await yard.create(
        pb.OperationAction(set_variables=request), selection=pb.OperationSelection(station_id_prefix="CS-1")
    )
    assert (await yard.ended(operation)).progress.succeeded == 1

    commands: Any = yard.core.stub(CommandsServiceStub)
    sent = (await commands.ListCommands(ListCommandsRequest(station_id="CS-1"))).commands
    by_action = {command.action: command.command_id for command in sent}
    assert by_action.keys() == {"GetVariables", "SetVariables"}
    assert [one.command_id for one in await yard.results(operation)] == [by_action["SetVariables"]]


class Idle:
    """What a core runs that has died: nothing."""

    async def run(self) -> bool:
        return False


class DyingRpcs:
    """Rpcs of a core that dies before it does what it has claimed."""

    def __init__(self) -> None:
        self.called = asyncio.Event()

    async def call(self, *_: object) -> Any:
        self.called.set()
        await asyncio.Event().wait()


@pytest.fixture
async def idle(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Yard]:
    """A core that runs no operation by itself, with CS-1 and CS-2, connected."""
    monkeypatch.setattr(operations, "runner", lambda services: Idle())
    async with running_core(database_url, tmp_path) as core, core.edge() as edge:
        edge.on_command = lambda command: ACCEPTED
        found = Yard(core, edge)
        await found.add("CS-1", "CS-2")
        await found.connect("CS-1", "CS-2")
        yield found


async def die(dying: OperationRunner, when: asyncio.Event) -> None:
    """Run until something has happened, and no further."""
    task = asyncio.create_task(dying.run())
    async with asyncio.timeout(WAIT):
        await when.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_what_a_core_claimed_and_did_not_send_another_sends_once(idle: Yard) -> None:
    """The command has the id that the first core planned, so that it is stored once, whoever was only slow."""
    rpcs = DyingRpcs()
    operation = await idle.create()
    await die(OperationRunner(idle.core.core.services, lambda: cast("Any", rpcs)), rpcs.called)
    assert await idle.states(operation) == {"CS-1": "RUNNING", "CS-2": "RUNNING"}

    await run(idle, seconds=LEASE.total_seconds() - 10)
    assert idle.sent() == []
    await asyncio.gather(run(idle, minutes=3), run(idle, minutes=3))

    assert idle.sent() == ["CS-1", "CS-2"]
    shown = await idle.get(operation)
    assert (shown.state, shown.progress.succeeded) == (pb.OPERATION_STATE_COMPLETED, 2)


async def commands_ended(yard: Yard) -> None:
    """Wait until all commands have ended."""
    commands: Any = yard.core.stub(CommandsServiceStub)
    async with asyncio.timeout(WAIT):
        while True:
            found = (await commands.ListCommands(ListCommandsRequest())).commands
            if all(one.HasField("finish_time") for one in found):
                return
            await asyncio.sleep(PAUSE)


def withdrawn(sent: Command) -> link.Upstream:
    failure = CommandFailure(id=sent.id, session=sent.session, reason=CommandFailure.REASON_CANCELLED)
    failure.time.GetCurrentTime()
    return link.Upstream(command_failure=failure)


async def cancel_command(yard: Yard, sent: Command) -> None:
    """Cancel a command that the edge has, as a user does."""
    commands: Any = yard.core.stub(CommandsServiceStub)
    cancelling = asyncio.ensure_future(commands.CancelCommand(CancelCommandRequest(command_id=sent.id)))
    # Those that the core withdrew as it stopped name the session.
    while (await yard.edge.next("cancel_command")).HasField("session"):
        pass
    yard.edge.put(withdrawn(sent))
    await cancelling


async def test_what_a_core_sent_and_did_not_record_another_records(idle: Yard) -> None:
    """What was written counts as its command ended, and so does what a user cancelled; what the core withdrew as it
    stopped is sent under a new id.
    """
    let, seen = held_answers(idle.edge), asyncio.Event()
    await idle.add("CS-3")
    await idle.connect("CS-3")

    def hold(command: Command) -> Message | None:
        if len(idle.edge.commands) == 3:
            seen.set()
        return None

    idle.edge.on_command = hold
    operation = await idle.create()
    await die(runner(idle.core.core.services), seen)
    sent = {one.session.station_id: one for one in idle.edge.commands}
    let("CS-1")
    idle.edge.put(withdrawn(sent["CS-2"]))
    await cancel_command(idle, sent["CS-3"])
    await commands_ended(idle)

    idle.edge.on_command = lambda command: ACCEPTED
    await run(idle, seconds=21)
    assert await idle.states(operation) == {"CS-1": "SUCCEEDED", "CS-2": "PENDING", "CS-3": "CANCELLED"}
    await run(idle, seconds=30)

    assert await idle.states(operation) == {"CS-1": "SUCCEEDED", "CS-2": "SUCCEEDED", "CS-3": "CANCELLED"}
    assert idle.sent() == ["CS-1", "CS-2", "CS-2", "CS-3"]


async def test_an_operation_that_can_not_be_read_delays_no_other(idle: Yard) -> None:
    """What is under way for others goes on."""
    broken = await idle.create()
    async with idle.core.core.unit_of_work() as work:
        row = await work.session.get_one(Operation, ("default", broken.operation_id))
        row.definition = b"\xff"
        await work.commit()
    operation = await idle.create()

    await run(idle)

    assert (await idle.get(operation)).progress.succeeded == 2
    assert idle.sent() == ["CS-1", "CS-2"]


async def test_many_operations_of_a_tenant_that_wait_are_no_more_than_it_may_have_and_delay_no_other(
    idle: Yard,
) -> None:
    await idle.add("CS-3")
    waiting: dict[str, Any] = {
        "selection": pb.OperationSelection(station_id_prefix="CS-3"),
        "offline": pb.OFFLINE_STATIONS_WAIT,
    }
    first, *_ = [await idle.create(**waiting) for _ in range(99)]
    operation = await idle.create()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await idle.create(**waiting)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED

    await run(idle)

    assert (await idle.get(operation)).progress.succeeded == 2
    await idle.api.CancelOperation(pb.CancelOperationRequest(operation_id=first.operation_id))
    await idle.create(**waiting)


async def test_several_cores_ask_each_station_once(idle: Yard) -> None:
    await idle.add(*(f"CS-{number}" for number in range(3, 13)))
    await idle.connect(*(f"CS-{number}" for number in range(3, 13)))
    operation = await idle.create(max_parallel=5)

    await asyncio.gather(run(idle), run(idle), run(idle))

    assert idle.sent() == sorted(f"CS-{number}" for number in range(1, 13))
    assert (await idle.get(operation)).progress.succeeded == 12


async def test_stations_are_selected_by_what_they_are(idle: Yard) -> None:
    await idle.add("CS-3", vendor_name="Acme", model="One", firmware_version="1.0")
    await idle.add("CS-4", vendor_name="Acme", model="Two", firmware_version="2.0")
    await idle.add("CS-5", registration=ocpp.REGISTRATION_STATUS_ENUM_PENDING)
    locations: Any = idle.core.stub(LocationsServiceStub)
    await locations.CreateLocation(CreateLocationRequest(location=place("north")))
    stations: Any = idle.core.stub(StationsServiceStub)
    for station_id in ("CS-1", "CS-3"):
        station = Station(station_id=station_id, labels={"row": "1"}, groups=["depot"], location_id="north")
        await stations.UpdateStation(UpdateStationRequest(station=station))
    await stations.DeleteStation(DeleteStationRequest(station_id="CS-2"))

    async def chosen(**fields: Any) -> list[str]:
        return sorted(await idle.states(await idle.create(selection=pb.OperationSelection(**fields))))

    assert await chosen(stations=StationSelector(labels={"row": "1"})) == ["CS-1", "CS-3"]
    assert await chosen(stations=StationSelector(groups=["depot"]), vendor_name="Acme") == ["CS-3"]
    assert await chosen(stations=StationSelector(location_ids=["north"])) == ["CS-1", "CS-3"]
    assert await chosen(stations=StationSelector(location_ids=["north"]), firmware_version="1.0") == ["CS-3"]
    assert await chosen(model="Two") == ["CS-4"]
    assert await chosen(firmware_version="2.0") == ["CS-4"]
    assert await chosen(registration=ocpp.REGISTRATION_STATUS_ENUM_PENDING) == ["CS-5"]
    assert await chosen(ocpp_version="2.1") == ["CS-1"]
    assert await chosen(connection=STATION_CONNECTION_OPEN) == ["CS-1"]
    assert await chosen(connection=STATION_CONNECTION_NEVER, model="Two") == ["CS-4"]
    assert await chosen(all_stations=True) == ["CS-1", "CS-3", "CS-4", "CS-5"]
    [session] = await idle.connect("CS-3")
    broken = StatusNotificationRequest(timestamp=timestamp(), evse_id=1, connector_id=1)
    broken.connector_status = CONNECTOR_STATUS_ENUM_FAULTED
    await session.call(broken)
    assert await chosen(faulted_only=True) == ["CS-3"]
    operation = await idle.create(selection=pb.OperationSelection(station_id_prefix="CS-3"), operation_id="third")
    assert sorted(await idle.states(operation)) == ["CS-3"]
    listed = await idle.api.ListOperations(pb.ListOperationsRequest(page_size=2))
    assert listed.operations[0].operation_id == "third"
    assert listed.next_page_token
    listed = await idle.api.ListOperations(
        pb.ListOperationsRequest(operation_id_prefix="th", state=pb.OPERATION_STATE_RUNNING)
    )
    assert [one.operation_id for one in listed.operations] == ["third"]


async def test_operations_are_found_by_who_requested_them_and_by_their_action(idle: Yard) -> None:
    level = ocpp.SetVariablesRequest(
        set_variable_data=[
            ocpp.SetVariableData(component=Component(name="C"), variable=Variable(name="V"), attribute_value="1")
        ]
    )
    await idle.create(pb.OperationAction(set_variables=SetVariablesRequest(request=level)), operation_id="settings")
    created = await idle.create(operation_id="other")

    async def found(**fields: Any) -> list[str]:
        listed = await idle.api.ListOperations(pb.ListOperationsRequest(**fields))
        return [one.operation_id for one in listed.operations]

    assert await found(action="set_variables") == ["settings"]
    assert await found(requested_by=created.requested_by) == ["other", "settings"]
    assert await found(requested_by="nobody") == []


async def test_a_list_shows_no_content_of_large_actions(idle: Yard) -> None:
    data = ocpp.SetVariableData(
        component=Component(name="ReservationCtrlr"), variable=Variable(name="Enabled"), attribute_value="x" * 1000
    )
    request = ocpp.SetVariablesRequest(set_variable_data=[data] * 900)
    large = pb.OperationAction(set_variables=SetVariablesRequest(request=request))
    selection = pb.OperationSelection(stations=StationSelector(station_ids=["CS-1", "CS-2"]))
    created = [await idle.create(large, selection=selection, max_parallel=10) for _ in range(3)]
    async with idle.core.core.unit_of_work() as work:
        # As a core before this one stored it.
        row = await work.session.get_one(Operation, ("default", created[0].operation_id))
        row.summary = None
        await work.commit()

    listed = (await idle.api.ListOperations(pb.ListOperationsRequest())).operations

    assert [one.action.WhichOneof("action") for one in listed] == ["set_variables"] * 3
    assert sum(one.ByteSize() for one in listed) < 1000
    assert [one.operation_id for one in reversed(listed)] == [one.operation_id for one in created]
    assert (await idle.get(created[0])).action.ByteSize() > 20_000
    assert (await idle.get(created[0])).selection == selection


async def test_what_no_station_can_do_is_refused_at_once(idle: Yard) -> None:
    async def refused(**fields: Any) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await idle.create(**fields)
        return error.value

    named = pb.OperationSelection(stations=StationSelector(station_ids=["CS-1", "CS-9"]))
    targeted = pb.OperationAction(reset=ResetRequest(target=CommandTarget(station_id="CS-1")))
    incomplete = pb.OperationAction(trigger_message=TriggerMessageRequest(request=OcppTriggerMessageRequest()))
    fields = {
        "operation.selection": await refused(selection=pb.OperationSelection()),
        "operation.action": await refused(action=pb.OperationAction()),
        "operation.action.reset.target.station_id": await refused(action=targeted),
        "operation.action.trigger_message.request.requestedMessage": await refused(action=incomplete),
        "operation.max_parallel": await refused(max_parallel=1001),
        "operation.expire_time": await refused(expire_time=Timestamp(seconds=1)),
    }
    data = ocpp.SetVariableData(
        component=Component(name="ReservationCtrlr"), variable=Variable(name="Enabled"), attribute_value="x" * 1000
    )
    long = SetVariablesRequest(request=ocpp.SetVariablesRequest(set_variable_data=[data] * 200))
    large = await refused(action=pb.OperationAction(set_variables=long), max_parallel=1000)
    assert field_violations(large) == ["operation.max_parallel"]
    late = Timestamp()
    late.FromDatetime(idle.core.core.services.clock() + timedelta(days=31))
    assert field_violations(await refused(expire_time=late)) == ["operation.expire_time"]
    assert {field: field_violations(error) for field, error in fields.items()} == {field: [field] for field in fields}
    assert (await refused(selection=named)).code() == grpc.StatusCode.NOT_FOUND
    none = pb.OperationSelection(model="Three")
    assert (await refused(selection=none)).code() == grpc.StatusCode.FAILED_PRECONDITION
    await idle.create(operation_id="spring")
    assert (await refused(operation_id="spring")).code() == grpc.StatusCode.ALREADY_EXISTS
    assert [one.operation_id for one in (await idle.api.ListOperations(pb.ListOperationsRequest())).operations] == [
        "spring"
    ]


async def test_a_key_needs_the_scope_of_the_action(idle: Yard) -> None:
    keys: Any = idle.core.stub(KeysServiceStub)
    scopes = ["commands:send"]
    key = await keys.CreateKey(
        CreateKeyRequest(display_name="dispatcher", scopes=scopes), metadata=idle.core.metadata()
    )
    accept = pb.OperationAction(accept_station=AcceptStationRequest(description="found"))
    operation = pb.Operation(action=accept, selection=EVERYTHING)

    with pytest.raises(grpc.aio.AioRpcError) as denied:
        await idle.api.CreateOperation(pb.CreateOperationRequest(operation=operation), metadata=auth(key.secret))

    assert denied.value.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_an_operation_ends_when_its_key_may_not_do_this_any_more(idle: Yard) -> None:
    """What is under way goes on; a key that replaces another stands for it."""
    await idle.add("CS-3")
    keys: Any = idle.core.stub(KeysServiceStub)
    begun: dict[str, tuple[str, pb.Operation]] = {}
    for name in ("revoked", "rotated and revoked", "expired", "without the scope", "rotated"):
        scopes = ["operations:send", "resets:send"]
        key = await keys.CreateKey(CreateKeyRequest(display_name=name, scopes=scopes), metadata=idle.core.metadata())
        waiting = pb.Operation(
            action=RESET,
            selection=pb.OperationSelection(station_id_prefix="CS-3"),
            offline=pb.OFFLINE_STATIONS_WAIT,
        )
        request = pb.CreateOperationRequest(operation=waiting)
        begun[name] = key.key.key_id, await idle.api.CreateOperation(request, metadata=auth(key.secret))
    await keys.RevokeKey(RevokeKeyRequest(key_id=begun["revoked"][0]))
    await keys.RotateKey(RotateKeyRequest(key_id=begun["rotated"][0]))
    await keys.RotateKey(RotateKeyRequest(key_id=begun["rotated and revoked"][0]))
    await keys.RevokeKey(RevokeKeyRequest(key_id=begun["rotated and revoked"][0]))
    async with idle.core.core.unit_of_work() as work:
        (await work.session.get_one(ApiKey, begun["expired"][0])).expire_time = idle.core.core.services.clock()
        (await work.session.get_one(ApiKey, begun["without the scope"][0])).scopes = "operations:send"
        rotated = await work.session.get_one(ApiKey, begun["rotated"][0])
        rotated.expire_time = idle.core.core.services.clock()
        await work.commit()

    await run(idle)

    ended = {name: await idle.get(operation) for name, (_, operation) in begun.items()}
    assert {name: (one.state, one.state_reason) for name, one in ended.items()} == {
        "revoked": (pb.OPERATION_STATE_CANCELLED, "the key revoked was revoked"),
        "rotated and revoked": (pb.OPERATION_STATE_CANCELLED, "the key rotated and revoked was revoked"),
        "expired": (pb.OPERATION_STATE_CANCELLED, "the key expired expired"),
        "without the scope": (
            pb.OPERATION_STATE_CANCELLED,
            "the key without the scope lacks the scope resets:send",
        ),
        "rotated": (pb.OPERATION_STATE_RUNNING, ""),
    }
    (result,) = await idle.results(begun["revoked"][1])
    assert (result.state, result.reason) == (pb.OPERATION_RESULT_STATE_CANCELLED, "the key revoked was revoked")
    audit: Any = idle.core.stub(AuditServiceStub)
    listed = await audit.ListAuditRecords(ListAuditRecordsRequest(method="OperationsService/CancelOperation"))
    assert {(one.caller_name, one.object) for one in listed.records} == {
        ("operations", f"operation_id={begun[name][1].operation_id}")
        for name in ("revoked", "rotated and revoked", "expired", "without the scope")
    }


async def test_an_operation_that_a_list_shows_may_be_created_again(idle: Yard) -> None:
    """Its selection says no more than it did."""
    await idle.create(operation_id="spring")
    (listed,) = (await idle.api.ListOperations(pb.ListOperationsRequest())).operations

    again = await idle.create(selection=listed.selection)

    assert again.selection == listed.selection == EVERYTHING


async def test_what_a_key_of_a_file_began_goes_on_until_somebody_revokes_that_key(idle: Yard) -> None:
    """A container that is replaced leaves a key that expires, and a core whose file is gone writes another key."""
    await idle.add("CS-3")
    keys: Any = idle.core.stub(KeysServiceStub)
    key_id = idle.core.key.split("_")[1]
    selection = pb.OperationSelection(station_id_prefix="CS-3")
    operation = await idle.create(selection=selection, offline=pb.OFFLINE_STATIONS_WAIT)
    other = await keys.CreateKey(CreateKeyRequest(display_name="other", scopes=["*"], operator=True))
    states = []

    async with idle.core.core.unit_of_work() as work:
        row = await work.session.get_one(ApiKey, key_id)
        row.expire_time = idle.core.core.services.clock()
        await work.commit()
    await run(idle)
    states.append(await state_by(idle, operation, other.secret))
    async with idle.core.core.unit_of_work() as work:
        row = await work.session.get_one(ApiKey, key_id)
        row.revoke_time, row.replaced_by = row.expire_time, other.key.key_id
        await work.commit()
    await run(idle)
    states.append(await state_by(idle, operation, other.secret))
    await keys.RevokeKey(RevokeKeyRequest(key_id=key_id), metadata=auth(other.secret))
    await run(idle)
    states.append(await state_by(idle, operation, other.secret))

    running, cancelled = pb.OPERATION_STATE_RUNNING, pb.OPERATION_STATE_CANCELLED
    assert states == [running, running, cancelled]


async def state_by(yard: Yard, operation: pb.Operation, secret: str) -> int:
    """Return the state of an operation as the owner of a key reads it."""
    request = pb.GetOperationRequest(operation_id=operation.operation_id)
    found: pb.Operation = await yard.api.GetOperation(request, metadata=auth(secret))
    return found.state


async def test_what_is_secret_in_an_action_is_shown_to_nobody(idle: Yard) -> None:
    data = ocpp.SetVariableData(
        component=Component(name="SecurityCtrlr"),
        variable=Variable(name="Organization"),
        attribute_value="a secret of the yard",
    )
    request = ocpp.SetVariablesRequest(set_variable_data=[data])
    operation = await idle.create(pb.OperationAction(set_variables=SetVariablesRequest(request=request)))

    (shown,) = operation.action.set_variables.request.set_variable_data
    assert shown.attribute_value == "********"
    async with idle.core.core.unit_of_work(read_only=True) as work:
        row = await work.session.get_one(Operation, ("default", operation.operation_id))
    assert b"secret of" not in row.definition
    assert row.secret_action is not None
    accepted = ocpp.SetVariableResult(
        attribute_status=ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED, component=data.component, variable=data.variable
    )
    idle.edge.on_command = lambda command: ocpp.SetVariablesResponse(set_variable_result=[accepted])
    await run(idle)
    sent = unwrap(idle.edge.commands[0].request)
    assert isinstance(sent, ocpp.SetVariablesRequest)
    assert sent.set_variable_data[0].attribute_value == "a secret of the yard"
    async with idle.core.core.unit_of_work(read_only=True) as work:
        row = await work.session.get_one(Operation, ("default", operation.operation_id))
    assert row.secret_action is None
    assert (await idle.get(operation)).progress.succeeded == 2


async def test_held_stations_are_accepted_without_a_command(idle: Yard) -> None:
    """Those that are not held are left alone, and one that a dying core accepted counts."""
    held = idle.core.core.services.clock()
    await idle.add("CS-3", "CS-4", held_time=held)
    action = pb.OperationAction(accept_station=AcceptStationRequest(description="found"))

    operation = await idle.create(action)
    assert await idle.states(operation) == {"CS-3": "PENDING", "CS-4": "PENDING"}
    rpcs = DyingRpcs()
    await die(OperationRunner(idle.core.core.services, lambda: cast("Any", rpcs)), rpcs.called)
    stations: Any = idle.core.stub(StationsServiceStub)
    await stations.AcceptStation(AcceptStationRequest(station_id="CS-3"))
    await run(idle, minutes=1)

    assert await idle.states(operation) == {"CS-3": "SUCCEEDED", "CS-4": "SUCCEEDED"}
    shown = await stations.GetStation(GetStationRequest(station_id="CS-4"))
    assert (shown.description, shown.HasField("held_time")) == ("found", False)
    assert idle.sent() == []


async def test_what_was_claimed_and_not_sent_is_not_sent_after_it_was_cancelled(idle: Yard) -> None:
    rpcs = DyingRpcs()
    operation = await idle.create()
    await die(OperationRunner(idle.core.core.services, lambda: cast("Any", rpcs)), rpcs.called)
    await idle.api.CancelOperation(pb.CancelOperationRequest(operation_id=operation.operation_id))

    await run(idle, minutes=1)

    assert await idle.states(operation) == {"CS-1": "CANCELLED", "CS-2": "CANCELLED"}
    assert (await idle.get(operation)).state == pb.OPERATION_STATE_CANCELLED
    assert idle.sent() == []
