"""Tests of passwords that stations are sent: which are valid when, and that nobody reads them."""

import asyncio
from typing import Any

import grpc
import pytest

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import keys_pb2
from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import Component, Variable
from tests.core.resources.commands.test_sender import ended, online
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, timestamp

NEW = "a-new-password-for-it"


async def change(core: RunningCore, password: str = "", **how: Any) -> pb.SetStationPasswordResponse:
    """Send CS-1 a password."""
    request = pb.SetStationPasswordRequest(station_id="CS-1", password=password, send=True, **how)
    response: pb.SetStationPasswordResponse = await core.stub(StationsServiceStub).SetStationPassword(request)
    return response


def answer(status: str) -> ocpp.SetVariablesResponse:
    result = ocpp.SetVariableResult(
        attribute_status=ocpp.SetVariableStatusEnum.Value(f"SET_VARIABLE_STATUS_ENUM_{status}"),
        component=Component(name="SecurityCtrlr"),
        variable=Variable(name="BasicAuthPassword"),
    )
    return ocpp.SetVariablesResponse(set_variable_result=[result])


def said(command: link.Command) -> str:
    return str(command.request.set_variables.set_variable_data[0].attribute_value)


async def opens(edge: FakeEdge, *passwords: str) -> list[bool]:
    """Return which passwords open CS-1, tried in this order."""
    return [isinstance(await edge.admit("CS-1", password), link.Admitted) for password in passwords]


async def report_limit(session: Any, limit: float) -> None:
    """Have CS-1 report how many characters its password may have."""
    data = ocpp.ReportData(
        component=Component(name="SecurityCtrlr"),
        variable=Variable(name="BasicAuthPassword"),
        variable_attribute=[ocpp.VariableAttribute(mutability=ocpp.MUTABILITY_ENUM_WRITE_ONLY)],
        variable_characteristics=ocpp.VariableCharacteristics(
            data_type=ocpp.DATA_ENUM_STRING, max_limit=limit, supports_monitoring=False
        ),
    )
    await session.call(ocpp.NotifyReportRequest(request_id=1, generated_at=timestamp(), seq_no=0, report_data=[data]))


async def test_A01_FR_03_what_the_station_accepts_is_its_only_password(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: answer("ACCEPTED")

        changed = await change(core)

        sent = said(edge.commands[0])
        assert await opens(edge, PASSWORD, sent) == [False, True]
    assert changed.generated_password == sent
    assert len(sent) >= 16
    assert changed.status == ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED
    assert sent not in str(changed.command)


@pytest.mark.in_turn
@pytest.mark.parametrize("status", ["REJECTED", "NOT_SUPPORTED_ATTRIBUTE_TYPE"])
async def test_A01_FR_04_what_the_station_refuses_leaves_the_password_before(core: RunningCore, status: str) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: answer(status)

        with pytest.raises(
            grpc.aio.AioRpcError, match=f"answered {status}: its password before stays valid"
        ) as refused:
            await change(core, NEW)

        assert await opens(edge, NEW, PASSWORD) == [False, True]
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert NEW not in str(refused.value)


async def test_until_a_required_reboot_both_passwords_are_valid(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: answer("REBOOT_REQUIRED")

        changed = await change(core, NEW)

        assert await opens(edge, PASSWORD, PASSWORD) == [True, True]
        await edge.connect("CS-1", NEW)
        assert await opens(edge, PASSWORD, NEW) == [False, True]
    assert changed.status == ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED
    assert changed.generated_password == ""


async def test_a_change_behind_one_whose_answer_was_lost_never_locks_the_station_out(core: RunningCore) -> None:
    """Neither the second password nor its refusal forgets the first, which the station may have."""
    await core.add_station("CS-1")
    second = "the-second-new-password"
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: link.CommandFailure(reason=link.CommandFailure.REASON_LOST)
        with pytest.raises(grpc.aio.AioRpcError):
            await change(core, NEW)
        edge.on_command = lambda command: answer("REJECTED")
        with pytest.raises(grpc.aio.AioRpcError):
            await change(core, second)

        assert await opens(edge, second, PASSWORD) == [False, True]
        await edge.connect("CS-1", NEW)
        assert await opens(edge, PASSWORD, NEW) == [False, True]


async def test_an_answer_counts_for_the_password_of_its_own_command(core: RunningCore) -> None:
    await core.add_station("CS-1")
    second = "the-second-new-password"
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: None
        changes = [asyncio.ensure_future(change(core, NEW))]
        first = await edge.next("command")
        changes.append(asyncio.ensure_future(change(core, second)))
        last = await edge.next("command")
        edge.put(link.Upstream(command_result=edge.result(first, answer("ACCEPTED"))))
        await changes[0]
        edge.put(link.Upstream(command_result=edge.result(last, answer("REJECTED"))))
        await asyncio.wait(changes)

        assert await opens(edge, PASSWORD, second, NEW) == [False, False, True]


async def test_a_password_that_the_station_never_got_is_forgotten(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: link.CommandFailure(reason=link.CommandFailure.REASON_GONE)
        with pytest.raises(grpc.aio.AioRpcError):
            await change(core, NEW)

        assert await opens(edge, NEW, PASSWORD) == [False, True]


async def test_a_password_waits_for_a_station_that_is_offline(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED)

    changed = await change(core, when_online=True)

    assert changed.command.state == common.COMMAND_STATE_QUEUED
    assert not changed.HasField("status")
    async with core.edge() as edge:
        edge.on_command = lambda command: answer("ACCEPTED")
        assert await opens(edge, changed.generated_password) == [False]
        await online(edge, boot=False)
        await ended(core, changed.command.command_id)
        assert said(edge.commands[0]) == changed.generated_password
        assert await opens(edge, PASSWORD, changed.generated_password) == [False, True]


async def test_a_password_is_no_longer_than_the_station_says(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await online(edge)
        with pytest.raises(grpc.aio.AioRpcError, match="password: must have at most 40 characters") as too_long:
            await change(core, "x" * 41)
        await report_limit(session, 64)
        edge.on_command = lambda command: answer("ACCEPTED")
        await change(core, "x" * 41)
        await report_limit(session, 18)
        generated = (await change(core)).generated_password

    assert too_long.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(generated) == 18


async def test_who_may_set_no_variables_may_not_send_a_password(core: RunningCore) -> None:
    await core.add_station("CS-1")
    request = keys_pb2.CreateKeyRequest(display_name="office", scopes=["stations:write"])
    key = (await core.stub(KeysServiceStub).CreateKey(request, metadata=[("citrine-tenant", "default")])).secret
    stub = StationsServiceStub(core.channel)

    with pytest.raises(grpc.aio.AioRpcError, match="variables:send") as refused:
        await stub.SetStationPassword(
            pb.SetStationPasswordRequest(station_id="CS-1", send=True), metadata=[("authorization", f"Bearer {key}")]
        )

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
