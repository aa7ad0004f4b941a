"""Tests of commands: sent, answered, failed, waiting, cancelled; what is stored and what the caller sees."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select, update

from citrine.api.v1 import commands_pb2 as pb
from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import provisioning_pb2, remote_control_pb2
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2
from citrine_core.events import OutboxEvent
from citrine_core.resources.commands import CommandRow
from citrine_core.resources.stations.candidates import candidates_of
from citrine_core.resources.stations.models import Station
from citrine_core.resources.stations.passwords import verify
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession, timestamp
from tests.support.waiting import PAUSE, WAIT

RESET = ocpp.ResetRequest(type=ocpp.RESET_ENUM_IMMEDIATE)
ACCEPTED = ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_ACCEPTED)
BOOT = ocpp.BootNotificationRequest(
    reason=ocpp.BOOT_REASON_ENUM_POWER_UP,
    charging_station=ocpp.ChargingStation(model="M", vendor_name="V"),
)


def target(station_id: str = "CS-1", seconds: float = 5, **fields: Any) -> common.CommandTarget:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return common.CommandTarget(station_id=station_id, timeout=duration, **fields)


def reset(core: RunningCore, **fields: Any) -> Any:
    """Call Reset; the target's fields are given."""
    stub = core.stub(ProvisioningServiceStub)
    return stub.Reset(provisioning_pb2.ResetRequest(target=target(**fields), request=RESET))


def call_station(
    core: RunningCore, action: str, payload: dict[str, Any], *, native: bool = False, **fields: Any
) -> Any:
    stub = core.stub(CommandsServiceStub)
    return stub.CallStation(
        pb.CallStationRequest(
            target=target(**fields), action=action, payload=ParseDict(payload, Struct()), native=native
        )
    )


async def commands(core: RunningCore) -> list[common.Command]:
    answer = await core.stub(CommandsServiceStub).ListCommands(pb.ListCommandsRequest())
    return list(answer.commands)


async def ended(core: RunningCore, command_id: str) -> common.Command:
    """Return a command once it has ended."""
    stub = core.stub(CommandsServiceStub)
    async with asyncio.timeout(WAIT):
        while True:
            command = await stub.GetCommand(pb.GetCommandRequest(command_id=command_id))
            if command.HasField("finish_time"):
                return command
            await asyncio.sleep(PAUSE)


def failing(reason: int, code: str = "", description: str = "") -> Callable[[link.Command], link.CommandFailure]:
    error = link.CallError(code=code, description=description) if code else None
    return lambda command: link.CommandFailure(reason=reason, error=error)  # type: ignore[arg-type]  # the enum's number


async def online(edge: FakeEdge, *, boot: bool = True) -> FakeSession:
    """Connect CS-1, and have it accepted."""
    session = await edge.connect("CS-1", PASSWORD)
    if boot:
        await session.call(BOOT)
    return session


async def test_the_station_answers(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await online(edge)
        edge.on_command = lambda command: ACCEPTED

        call = reset(core, reason="it hangs")
        answer = await call

    assert answer.response == ACCEPTED
    assert edge.commands[0].session == session.ref
    assert edge.commands[0].request.reset == RESET
    assert edge.commands[0].timeout.seconds == 5
    command = answer.command
    assert (command.station_id, command.action, command.state) == ("CS-1", "Reset", common.COMMAND_STATE_ANSWERED)
    assert (command.reason, command.requested_by) == ("it hangs", "operator (key file)")
    assert MessageToDict(command.request) == {"type": "Immediate"}
    assert MessageToDict(command.response) == {"status": "Accepted"}
    assert command.HasField("send_time")
    assert command.HasField("finish_time")
    assert ("citrine-command-id", command.command_id) in [tuple(pair) for pair in await call.trailing_metadata()]
    assert await commands(core) == [command]


async def test_the_end_of_a_command_is_an_event(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: ACCEPTED
        await reset(core)

    async with core.core.unit_of_work(read_only=True) as work:
        kinds = (await work.session.scalars(select(OutboxEvent.kind))).all()
    assert kinds.count("command_finished") == 1


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("on_command", "status", "state", "code"),
    [
        pytest.param(
            failing(link.CommandFailure.REASON_GONE),
            "UNAVAILABLE", "FAILED", "NotConnected", id="not connected after all",
        ),
        pytest.param(
            failing(link.CommandFailure.REASON_LOST),
            "UNAVAILABLE", "FAILED", "ConnectionLost", id="the connection broke",
        ),
        pytest.param(
            failing(link.CommandFailure.REASON_TIMEOUT),
            "DEADLINE_EXCEEDED", "TIMED_OUT", "Timeout", id="no answer",
        ),
        pytest.param(
            failing(link.CommandFailure.REASON_EXPIRED),
            "DEADLINE_EXCEEDED", "EXPIRED", "Expired", id="not its turn in time",
        ),
        pytest.param(
            failing(link.CommandFailure.REASON_EXPIRED, "GenericError", "too many commands wait for this station"),
            "RESOURCE_EXHAUSTED", "EXPIRED", "Expired", id="too many wait for the station",
        ),
        pytest.param(
            failing(link.CommandFailure.REASON_CALL_ERROR, "NotSupported", "what?"),
            "ABORTED", "FAILED", "NotSupported", id="CALLERROR",
        ),
        pytest.param(
            failing(link.CommandFailure.REASON_BAD_ANSWER, "FormatViolation", "/status: is missing"),
            "ABORTED", "ANSWER_REFUSED", "FormatViolation", id="an answer that breaks the schema",
        ),
        pytest.param(
            failing(link.CommandFailure.REASON_UNSUPPORTED),
            "UNIMPLEMENTED", "FAILED", "NotSupported", id="not in its OCPP version",
        ),
        pytest.param(
            failing(link.CommandFailure.REASON_INVALID, "TypeConstraintViolation", "/evseId: must be an integer"),
            "INVALID_ARGUMENT", "FAILED", "TypeConstraintViolation", id="a payload that breaks the schema",
        ),
    ],
)  # fmt: skip
async def test_a_failure_is_told_and_stored(
    core: RunningCore, on_command: Any, status: str, state: str, code: str
) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = on_command

        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await reset(core)

    (command,) = await commands(core)
    assert failure.value.code().name == status
    assert common.CommandState.Name(command.state) == f"COMMAND_STATE_{state}"
    assert command.error_code == code
    assert command.error_description
    assert ("citrine-command-id", command.command_id) in [tuple(pair) for pair in failure.value.trailing_metadata()]


async def test_the_path_of_a_defect_is_in_the_error(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = failing(link.CommandFailure.REASON_INVALID, "X", "/a/0/b: is too long")

        with pytest.raises(grpc.aio.AioRpcError, match=r"request\.a\.0\.b: is too long"):
            await reset(core)


async def test_an_unknown_station_is_not_found_and_stores_nothing(core: RunningCore) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await reset(core, station_id="CS-9")

    assert failure.value.code() is grpc.StatusCode.NOT_FOUND
    assert await commands(core) == []


async def test_a_station_that_is_off_is_unavailable_at_once(core: RunningCore) -> None:
    await core.add_station("CS-1")
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await reset(core)

    (command,) = await commands(core)
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
    assert (command.state, command.error_code) == (common.COMMAND_STATE_FAILED, "NotConnected")


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"station_id": ""}, "target.station_id", id="no station"),
        pytest.param({"seconds": 601}, "target.timeout", id="too long"),
        pytest.param({"seconds": 0}, "target.timeout", id="no time"),
        pytest.param({"seconds": -1}, "target.timeout", id="negative time"),
        pytest.param({"reason": "x" * 256}, "target.reason", id="a long reason"),
        pytest.param({"expire_time": timestamp()}, "target.expire_time", id="expires without waiting"),
        pytest.param(
            {"expire_time": Timestamp(seconds=1), "when_online": True}, "target.expire_time", id="expired already"
        ),
    ],
)
async def test_a_target_that_can_not_be_right_is_refused(core: RunningCore, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=field) as failure:
        await reset(core, **fields)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_no_word_from_the_edge_ends_in_time(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        started = time.monotonic()

        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await reset(core, seconds=0.2)

        cancelled = await edge.next("cancel_command")
    (command,) = await commands(core)
    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - started < 30
    assert (cancelled.id, command.state) == (command.command_id, common.COMMAND_STATE_TIMED_OUT)


async def test_a_caller_that_goes_away_cancels_what_was_not_sent(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        call = reset(core)
        sent = await edge.next("command")

        call.cancel()

        cancel = await edge.next("cancel_command")
        assert (cancel.id, cancel.session) == (sent.id, sent.session)
        edge.put(link.Upstream(command_failure=failure_of(sent, link.CommandFailure.REASON_CANCELLED)))
        assert (await ended(core, sent.id)).state == common.COMMAND_STATE_CANCELLED


def failure_of(command: link.Command, reason: int) -> link.CommandFailure:
    failure = link.CommandFailure(id=command.id, session=command.session, time=timestamp())
    failure.reason = reason  # type: ignore[assignment]  # the enum's number
    return failure


async def test_a_command_is_shown_as_sent_while_the_station_thinks(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        waiting = asyncio.ensure_future(reset(core))
        sent = await edge.next("command")
        edge.put(link.Upstream(command_sent=link.CommandSent(id=sent.id, session=sent.session, send_time=timestamp())))
        async with asyncio.timeout(WAIT):
            while (await commands(core))[0].state != common.COMMAND_STATE_SENT:
                await asyncio.sleep(PAUSE)
        edge.put(link.Upstream(command_result=edge.result(sent, ACCEPTED)))

        assert (await waiting).command.state == common.COMMAND_STATE_ANSWERED


async def test_a_command_waits_for_a_station_that_is_off(core: RunningCore) -> None:
    await core.add_station("CS-1")
    queued = [await reset(core, when_online=True, reason=str(number)) for number in range(3)]
    assert {answer.command.state for answer in queued} == {common.COMMAND_STATE_QUEUED}
    assert not queued[0].HasField("response")

    async with core.edge() as edge:
        edge.on_command = lambda command: ACCEPTED
        session = await online(edge, boot=False)
        await core.core.queue.sweep()
        assert edge.commands == []

        await session.call(BOOT)

        done = [await ended(core, answer.command.command_id) for answer in queued]
    assert {command.state for command in done} == {common.COMMAND_STATE_ANSWERED}
    assert [command.id for command in edge.commands] == [answer.command.command_id for answer in queued]


async def test_waiting_commands_follow_a_mere_reconnect(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED)
    queued = await reset(core, when_online=True)
    async with core.edge() as edge:
        edge.on_command = lambda command: ACCEPTED

        await online(edge, boot=False)

        assert (await ended(core, queued.command.command_id)).state == common.COMMAND_STATE_ANSWERED


async def test_nothing_is_sent_to_a_station_that_nobody_asked_for(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await online(edge)
        await core.core.queue.sweep()
        await session.call(BOOT)

        assert edge.received("command") == 0


async def test_a_command_that_may_wait_waits_on_when_the_station_is_off_after_all(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = failing(link.CommandFailure.REASON_GONE)

        answer = await reset(core, when_online=True)

    assert answer.command.state == common.COMMAND_STATE_QUEUED
    assert not answer.command.HasField("finish_time")


async def test_a_command_expires_where_the_station_does_not_come_back(core: RunningCore) -> None:
    await core.add_station("CS-1")
    queued = await reset(core, when_online=True)
    async with core.core.unit_of_work() as work:
        await work.session.execute(update(CommandRow).values(expire_time=datetime.now(UTC)))
        await work.commit()

    await core.core.queue.sweep()

    assert (await ended(core, queued.command.command_id)).state == common.COMMAND_STATE_EXPIRED


async def test_a_command_whose_core_died_times_out(core: RunningCore) -> None:
    await core.add_station("CS-1")
    queued = await reset(core, when_online=True)
    async with core.core.unit_of_work() as work:
        values = {"core_id": "gone", "deadline_time": datetime.now(UTC) - timedelta(seconds=1)}
        await work.session.execute(update(CommandRow).values(values))
        await work.commit()

    await core.core.queue.sweep()

    assert (await ended(core, queued.command.command_id)).state == common.COMMAND_STATE_TIMED_OUT


async def test_a_waiting_command_is_cancelled(core: RunningCore) -> None:
    await core.add_station("CS-1")
    stub = core.stub(CommandsServiceStub)
    queued = await reset(core, when_online=True)

    cancelled = await stub.CancelCommand(pb.CancelCommandRequest(command_id=queued.command.command_id))

    assert cancelled.state == common.COMMAND_STATE_CANCELLED
    assert await stub.CancelCommand(pb.CancelCommandRequest(command_id=queued.command.command_id)) == cancelled


async def test_an_answered_command_can_not_be_cancelled(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: ACCEPTED
        answered = await reset(core)

    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await core.stub(CommandsServiceStub).CancelCommand(
            pb.CancelCommandRequest(command_id=answered.command.command_id)
        )
    assert failure.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_command_at_the_edge_is_cancelled(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        waiting = asyncio.ensure_future(reset(core))
        sent = await edge.next("command")
        cancelling = asyncio.ensure_future(
            core.stub(CommandsServiceStub).CancelCommand(pb.CancelCommandRequest(command_id=sent.id))
        )
        await edge.next("cancel_command")
        edge.put(link.Upstream(command_failure=failure_of(sent, link.CommandFailure.REASON_CANCELLED)))

        assert (await cancelling).state == common.COMMAND_STATE_CANCELLED
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await waiting
    assert failure.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_commands_are_listed_by_station_and_state(core: RunningCore) -> None:
    stub = core.stub(CommandsServiceStub)
    for station_id in ("CS-1", "CS-2"):
        await core.add_station(station_id)
        for _ in range(2):
            await reset(core, station_id=station_id, when_online=True)
    with pytest.raises(grpc.aio.AioRpcError):
        await reset(core)

    first = await stub.ListCommands(pb.ListCommandsRequest(page_size=3))
    second = await stub.ListCommands(pb.ListCommandsRequest(page_size=3, page_token=first.next_page_token))
    of_station = await stub.ListCommands(pb.ListCommandsRequest(station_id="CS-2"))
    failed = await stub.ListCommands(pb.ListCommandsRequest(state=common.COMMAND_STATE_FAILED))

    times = [command.create_time.ToNanoseconds() for command in (*first.commands, *second.commands)]
    assert len(times) == 5
    assert times == sorted(times, reverse=True)
    assert [command.station_id for command in of_station.commands] == ["CS-2", "CS-2"]
    assert len(failed.commands) == 1
    for command in first.commands:
        named = await stub.ListCommands(pb.ListCommandsRequest(command_id_prefix=command.command_id[:30]))
        assert list(named.commands) == [command]


PASSWORD_SETTING = {
    "setVariableData": [
        {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "attributeValue": "a-new-password-for-it",
        }
    ]
}
SET = ocpp.SetVariablesResponse(
    set_variable_result=[
        ocpp.SetVariableResult(
            attribute_status=ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED,
            component=types_pb2.Component(name="SecurityCtrlr"),
            variable=types_pb2.Variable(name="BasicAuthPassword"),
        )
    ]
)


async def test_a_new_password_is_valid_before_it_is_sent_and_shown_nowhere(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        hashes: list[str | None] = []
        waiting = asyncio.ensure_future(call_station(core, "SetVariables", PASSWORD_SETTING))
        sent = await edge.next("command")
        async with core.core.unit_of_work(read_only=True) as work:
            hashes.append(await work.session.scalar(select(Station.next_password_hash)))
        edge.put(link.Upstream(command_result=edge.result(sent, SET)))
        answer = await waiting
        again = await edge.admit("CS-1", "a-new-password-for-it")

    assert sent.request.set_variables.set_variable_data[0].attribute_value == "a-new-password-for-it"
    (candidate,) = candidates_of(hashes[0])
    assert candidate.command_id == sent.id
    assert verify(candidate.password_hash, b"a-new-password-for-it")
    assert isinstance(again, link.Admitted)
    assert "a-new-password" not in str(answer.command)
    assert "a-new-password" not in await stored_text(core)


async def stored_text(core: RunningCore) -> str:
    """Return all that is stored of what was said in commands."""
    async with core.core.unit_of_work(read_only=True) as work:
        rows = (await work.session.scalars(select(CommandRow))).all()
        return json.dumps([[row.payload, row.secret_payload, row.response] for row in rows])


async def test_a_password_that_waits_is_sent_in_clear_and_then_forgotten(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED)
    queued = await call_station(core, "SetVariables", PASSWORD_SETTING, when_online=True)
    assert "a-new-password" not in str(queued.command)
    async with core.edge() as edge:
        edge.on_command = lambda command: SET
        await online(edge, boot=False)
        await ended(core, queued.command.command_id)
        again = await edge.admit("CS-1", "a-new-password-for-it")

    assert edge.commands[0].request.set_variables.set_variable_data[0].attribute_value == "a-new-password-for-it"
    assert isinstance(again, link.Admitted)
    assert "a-new-password" not in await stored_text(core)


VENDOR = (types_pb2.Component(name="VendorCtrlr"), types_pb2.Variable(name="ActivationCode"))


async def test_values_of_write_only_variables_are_shown_nowhere(core: RunningCore) -> None:
    """Also of variables that only the station's device model tells of, and where it tells what it should not."""
    component, variable = VENDOR
    await core.add_station("CS-1")
    data = ocpp.ReportData(
        component=component,
        variable=variable,
        variable_attribute=[ocpp.VariableAttribute(mutability=ocpp.MUTABILITY_ENUM_WRITE_ONLY)],
    )
    setting = {"component": {"name": "VendorCtrlr"}, "variable": {"name": "ActivationCode"}}
    told = ocpp.GetVariableResult(
        attribute_status=ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED,
        attribute_value="the-code",
        component=component,
        variable=variable,
    )
    async with core.edge() as edge:
        session = await online(edge)
        await session.call(
            ocpp.NotifyReportRequest(request_id=1, generated_at=timestamp(), seq_no=0, report_data=[data])
        )
        edge.on_command = lambda command: ocpp.SetVariablesResponse()
        was_set = await call_station(
            core, "SetVariables", {"setVariableData": [{**setting, "attributeValue": "the-code"}]}
        )
        edge.on_command = lambda command: ocpp.GetVariablesResponse(get_variable_result=[told])
        read = await call_station(core, "GetVariables", {"getVariableData": [setting]})

    assert edge.commands[0].request.set_variables.set_variable_data[0].attribute_value == "the-code"
    assert "the-code" not in f"{was_set} {read} {await stored_text(core)}"


async def test_the_password_of_a_network_profile_is_masked(core: RunningCore) -> None:
    await core.add_station("CS-1")
    profile = {"configurationSlot": 1, "connectionData": {"basicAuthPassword": "secret-of-the-profile"}}
    queued = await call_station(core, "SetNetworkProfile", profile, native=True, when_online=True)

    assert MessageToDict(queued.command.request)["connectionData"] == {"basicAuthPassword": "********"}


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("action", "payload", "problem"),
    [
        pytest.param("Dance", {}, "action: Dance is not an action", id="unknown action"),
        pytest.param("BootNotification", {}, "action: BootNotification is not sent by a CSMS", id="of stations"),
        pytest.param("Reset", {"type": "Immediate", "evseId": "x"}, r"payload\.evseId: ", id="a wrong type"),
        pytest.param("Reset", {"kind": "Immediate"}, "payload", id="an unknown property"),
    ],
)
async def test_a_call_that_no_version_has_is_refused(
    core: RunningCore, action: str, payload: dict[str, Any], problem: str
) -> None:
    await core.add_station("CS-1")
    with pytest.raises(grpc.aio.AioRpcError, match=problem) as failure:
        await call_station(core, action, payload)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_native_call_goes_as_it_is(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: link.NativeMessage(action="Reset", payload_json='{"status":"Accepted","n":1}')

        answer = await call_station(core, "Reset", {"type": "Hard", "times": 3, "half": 0.5}, native=True)

    native = edge.commands[0].native
    assert (native.action, json.loads(native.payload_json)) == ("Reset", {"type": "Hard", "times": 3, "half": 0.5})
    assert "3.0" not in native.payload_json
    assert MessageToDict(answer.payload) == {"status": "Accepted", "n": 1}


async def test_any_core_commands_any_station(core: RunningCore, tmp_path_factory: pytest.TempPathFactory) -> None:
    await core.add_station("CS-1")
    url = core.core.settings.database
    async with running_core(url, tmp_path_factory.mktemp("other")) as other, core.edge("edge-1") as by_first:
        session = await online(by_first)
        async with other.edge("edge-1") as by_other:
            by_other.on_command = lambda command: ACCEPTED

            answer = await reset(other)

    assert by_other.commands[0].session == session.ref
    assert answer.response == ACCEPTED


async def test_a_core_without_a_link_to_the_edge_is_unavailable(
    core: RunningCore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await core.add_station("CS-1")
    url = core.core.settings.database
    async with running_core(url, tmp_path_factory.mktemp("other")) as other, core.edge() as edge:
        await online(edge)

        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await reset(other)

    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_call_of_another_tenant_does_not_see_the_station(core: RunningCore) -> None:
    await core.add_tenant("acme")
    await core.add_station("CS-1")
    stub = core.stub(ProvisioningServiceStub)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await stub.Reset(provisioning_pb2.ResetRequest(target=target(), request=RESET), metadata=core.metadata("acme"))
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


def test_every_command_rpc_has_the_same_shape() -> None:
    """CommandSender.call relies on these names."""
    assert set(remote_control_pb2.TriggerMessageRequest.DESCRIPTOR.fields_by_name) == {"target", "request"}
    assert set(remote_control_pb2.TriggerMessageResponse.DESCRIPTOR.fields_by_name) == {"command", "response"}
