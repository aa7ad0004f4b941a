"""Tests of idempotency keys: one effect and one answer, however often, wherever and whenever a call comes again."""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from sqlalchemy import event, func, select, text
from sqlalchemy.util import await_only

from citrine.api.v1 import commands_pb2, keys_pb2, provisioning_pb2, reservation_pb2, stations_pb2, tokens_pb2
from citrine.api.v1 import common_pb2 as common
from citrine.api.v1.audit_pb2 import ListAuditRecordsRequest
from citrine.api.v1.audit_pb2_grpc import AuditServiceStub
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.api.v1.reservation_pb2_grpc import ReservationServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2 import reservation_pb2 as ocpp_reservation
from citrine.ocpp.v2.types_pb2 import Component, IdToken, Variable
from citrine_core.db import deferral
from citrine_core.errors import FailedPrecondition
from citrine_core.resources.commands import CommandRow
from citrine_core.resources.commands.call_answers import IN_PIECES, CallAnswers
from citrine_core.resources.idempotency import IdempotencyKey, KeyedCalls, keyed_calls
from citrine_core.resources.keys import ApiKey
from citrine_core.resources.tenants import Tenant
from citrine_core.rpc import Caller
from tests.support.api import auth
from tests.support.contract import rpcs
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession, timestamp
from tests.support.waiting import PAUSE, WAIT

RESET = ocpp.ResetRequest(type=ocpp.RESET_ENUM_IMMEDIATE)
CREATE_TOKEN = tokens_pb2.CreateTokenRequest(token=tokens_pb2.Token(id_token="AA", type="Central"))
ACCEPTED = ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_ACCEPTED)
BOOT = ocpp.BootNotificationRequest(
    reason=ocpp.BOOT_REASON_ENUM_POWER_UP,
    charging_station=ocpp.ChargingStation(model="M", vendor_name="V"),
)


def keyed(core: RunningCore, key: str) -> list[tuple[str, str]]:
    return [*core.metadata(), ("citrine-idempotency-key", key)]


def create_key(core: RunningCore, key: str, name: str = "billing") -> Any:
    request = keys_pb2.CreateKeyRequest(display_name=name, scopes=["stations:read"])
    return core.stub(KeysServiceStub).CreateKey(request, metadata=keyed(core, key))


def reset(core: RunningCore, key: str, station_id: str = "CS-1", seconds: float = 20) -> Any:
    timeout = Duration()
    timeout.FromTimedelta(timedelta(seconds=seconds))
    target = common.CommandTarget(station_id=station_id, timeout=timeout)
    request = provisioning_pb2.ResetRequest(target=target, request=RESET)
    return core.stub(ProvisioningServiceStub).Reset(request, metadata=keyed(core, key))


async def count(core: RunningCore, model: Any) -> int:
    async with core.core.unit_of_work(read_only=True) as work:
        return await work.session.scalar(select(func.count()).select_from(model)) or 0


async def online(edge: FakeEdge) -> FakeSession:
    session = await edge.connect("CS-1", PASSWORD)
    await session.call(BOOT)
    return session


async def trailing(call: Any) -> dict[str, str]:
    return dict(tuple(pair) for pair in await call.trailing_metadata())


async def refused(call: Any, *, is_replay: bool = False) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert ("citrine-idempotent-replay" in dict(tuple(pair) for pair in caught.value.trailing_metadata())) == is_replay
    return caught.value.code(), caught.value.details() or ""


async def test_a_call_that_comes_again_has_one_effect_and_the_same_answer(core: RunningCore) -> None:
    first = await create_key(core, "k-1")
    before = await count(core, ApiKey)

    again = create_key(core, "k-1")

    assert await again == first
    assert first.secret
    assert (await trailing(again))["citrine-idempotent-replay"] == "true"
    assert await count(core, ApiKey) == before
    async with core.core.unit_of_work(read_only=True) as work:
        row = await work.session.get_one(IdempotencyKey, ("default", "k-1"))
    assert row.answer is None
    assert first.secret not in (row.secret_answer or "")
    records = await core.stub(AuditServiceStub).ListAuditRecords(
        ListAuditRecordsRequest(method="KeysService/CreateKey")
    )
    assert len(records.records) == 1
    assert (await create_key(core, "k-2")).secret != first.secret


async def test_effect_answer_and_audit_are_one_transaction_of_the_database(postgres_url: str, tmp_path: Path) -> None:
    """So the end of a core leaves all of them or none. PostgreSQL tells which transaction wrote a row."""
    async with running_core(postgres_url, tmp_path) as core:
        request = tokens_pb2.CreateTokenRequest(token=tokens_pb2.Token(id_token="AA", type="Central"))
        answer = await core.stub(TokensServiceStub).CreateToken(request, metadata=keyed(core, "k-1"))

        async with core.core.engine.connect() as connection:
            rows = await connection.execute(
                text(
                    "SELECT idempotency_keys.xmin\\:\\:text, tokens.xmin\\:\\:text, audit_records.xmin\\:\\:text,"
                    " answer"
                    " FROM idempotency_keys, tokens, audit_records WHERE idempotency_keys.method LIKE '%/CreateToken'"
                    " AND audit_records.method = 'TokensService/CreateToken'"
                )
            )
            ((of_key, of_token, of_audit, stored),) = rows.all()

    assert of_key == of_token == of_audit
    assert tokens_pb2.Token.FromString(stored) == answer


class HeldCommit:
    """Holds the commit of one connection."""

    def __init__(self) -> None:
        self.connection: Any = None
        self.reached, self.may_go_on = asyncio.Event(), asyncio.Event()

    def on_commit(self, connection: Any) -> None:
        if connection is self.connection:
            self.reached.set()
            await_only(self.may_go_on.wait())


async def call_handled_by(core: RunningCore, key: str, handle: Callable[[], Awaitable[Message]]) -> Message:
    """Make a call that is handled by a handler of the test."""
    services = core.core.services
    answer_of_command = CallAnswers(services.unit_of_work).answer
    calls = KeyedCalls(services.unit_of_work, services.clock, core.core.cipher, answer_of_command)
    who, context = Caller("default", "billing", key_id=core.key.split("_")[1]), cast("Any", None)
    async with asyncio.timeout(WAIT):
        return await calls.call("/citrine.api.v1.TokensService/CreateToken", who, key, CREATE_TOKEN, context, handle)


@pytest.mark.parametrize("fails", [False, True], ids=["answer", "failure"])
async def test_what_a_call_ends_with_while_its_effect_is_committed_is_stored(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """The handler takes longer than a commit may wait for it, and the commit takes longer than the handler."""
    monkeypatch.setattr(deferral, "LONGEST", 0.0)
    answer = tokens_pb2.Token(id_token="AA", type="Central", description="as the handler returned it")

    held = HeldCommit()
    event.listen(core.core.engine.sync_engine, "commit", held.on_commit)

    async def handle() -> Message:
        async with core.core.services.unit_of_work() as work:
            work.session.add(Tenant(tenant_id="new", display_name="new", create_time=datetime.now(UTC)))
            held.connection = (await work.session.connection()).sync_connection
            await work.commit()
        await held.reached.wait()
        asyncio.get_running_loop().call_soon(held.may_go_on.set)
        if fails:
            raise FailedPrecondition("as the handler failed")
        return answer

    with contextlib.suppress(FailedPrecondition):
        assert await call_handled_by(core, "k-1", handle) == answer

    again = core.stub(TokensServiceStub).CreateToken(CREATE_TOKEN, metadata=keyed(core, "k-1"))
    if fails:
        code, details = await refused(again, is_replay=True)
        assert (code, details) == (grpc.StatusCode.FAILED_PRECONDITION, "as the handler failed")
    else:
        assert await again == answer


async def test_a_call_may_go_on_in_the_block_of_a_commit_that_waits(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else uses its connection meanwhile, however long it takes."""
    monkeypatch.setattr(deferral, "LONGEST", 0.0)
    answer = tokens_pb2.Token(id_token="AA", type="Central")

    async def handle() -> Message:
        async with core.core.services.unit_of_work() as work:
            work.session.add(Tenant(tenant_id="new", display_name="new", create_time=datetime.now(UTC)))
            await work.commit()
            for _ in range(20):
                await work.session.execute(select(Tenant))
            as_others = asyncio.create_task(count(core, Tenant), context=contextvars.Context())
            assert await as_others == 1
        return answer

    assert await call_handled_by(core, "k-1", handle) == answer

    again = core.stub(TokensServiceStub).CreateToken(CREATE_TOKEN, metadata=keyed(core, "k-1"))
    assert await again == answer


async def test_a_key_is_of_one_request_of_one_tenant(core: RunningCore) -> None:
    await core.add_tenant("other")
    first = await create_key(core, "k-1")

    assert await refused(create_key(core, "k-1", "another name")) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "citrine-idempotency-key: was used for another request; each request needs a key of its own",
    )
    metadata = [*core.metadata("other"), ("citrine-idempotency-key", "k-1")]
    request = keys_pb2.CreateKeyRequest(display_name="billing", scopes=["stations:read"])
    of_other = await core.stub(KeysServiceStub).CreateKey(request, metadata=metadata)
    assert of_other.key.key_id != first.key.key_id
    for wrong in ("", "x" * 65):
        code, text = await refused(create_key(core, wrong))
        assert (code, text[:40]) == (grpc.StatusCode.INVALID_ARGUMENT, "citrine-idempotency-key: must have 1 to ")


async def test_nobody_gets_what_another_caller_was_answered(core: RunningCore) -> None:
    """The secret of a key, for example, which may do more than who asks for it."""
    first = await create_key(core, "k-1")
    request = keys_pb2.CreateKeyRequest(display_name="keys", scopes=["keys:write"])
    other = (await core.stub(KeysServiceStub).CreateKey(request)).secret

    again = keys_pb2.CreateKeyRequest(display_name="billing", scopes=["stations:read"])
    metadata = [*auth(other), ("citrine-idempotency-key", "k-1")]
    assert await refused(core.stub(KeysServiceStub).CreateKey(again, metadata=metadata)) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "the idempotency key was used by another caller; each caller needs keys of its own",
    )
    assert await create_key(core, "k-1") == first


async def test_what_stored_nothing_may_come_again(core: RunningCore) -> None:
    update = stations_pb2.UpdateStationRequest(station=stations_pb2.Station(station_id="CS-1", description="east"))
    stub = core.stub(StationsServiceStub)
    code, _ = await refused(stub.UpdateStation(update, metadata=keyed(core, "k-1")))
    assert code is grpc.StatusCode.NOT_FOUND

    await core.add_station("CS-1")

    assert (await stub.UpdateStation(update, metadata=keyed(core, "k-1"))).description == "east"


async def test_a_stream_takes_no_key(core: RunningCore) -> None:
    async def pages() -> Any:
        yield tokens_pb2.ImportTokensRequest()

    call = core.stub(TokensServiceStub).ImportTokens(pages(), metadata=keyed(core, "k-1"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "citrine-idempotency-key: can't be used with a stream"


async def test_calls_at_a_time_on_several_cores_have_one_effect(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    async with running_core(database_url, tmp_path) as one, running_core(database_url, tmp_path) as two:
        before = await count(one, ApiKey)
        for number in range(5):
            calls = [create_key(core, f"k-{number}") for core in (one, two) for _ in range(3)]
            answers: Sequence[Any] = await asyncio.gather(*calls)
            assert len({answer.secret for answer in answers}) == 1
        assert await count(two, ApiKey) == before + 5


async def test_calls_at_a_time_that_create_what_may_be_there_once_have_one_answer(
    database_url: str, tmp_path: Path
) -> None:
    async with running_core(database_url, tmp_path) as core:
        stub = core.stub(TokensServiceStub)
        for number in range(5):
            token = tokens_pb2.Token(id_token=f"AA{number}", type="Central")
            request = tokens_pb2.CreateTokenRequest(token=token)
            calls = [stub.CreateToken(request, metadata=keyed(core, f"k-{number}")) for _ in range(4)]

            answers: Sequence[Any] = await asyncio.gather(*calls)

            assert all(answer == answers[0] for answer in answers)
        assert await refused(stub.CreateToken(request, metadata=keyed(core, "k-other"))) == (
            grpc.StatusCode.ALREADY_EXISTS,
            "token AA4 of type Central already exists",
        )


async def test_a_command_is_sent_once(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await online(edge)
        first, second = asyncio.ensure_future(reset(core, "k-1")), asyncio.ensure_future(reset(core, "k-1"))
        command = await edge.next("command")

        edge.put(link.Upstream(command_result=edge.result(command, ACCEPTED)))
        answers = await asyncio.gather(first, second)
        await session.close()
        third = await reset(core, "k-1")

    assert answers[0] == answers[1] == third
    assert answers[0].response == ACCEPTED
    assert len(edge.commands) == 1
    assert await count(core, CommandRow) == 1


async def test_a_command_goes_on_when_its_caller_goes_away(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        call = reset(core, "k-1")
        command = await edge.next("command")
        call.cancel()
        again = asyncio.ensure_future(reset(core, "k-1"))
        edge.put(link.Upstream(command_result=edge.result(command, ACCEPTED)))

        assert (await again).response == ACCEPTED
    assert len(edge.commands) == 1


async def test_a_call_whose_core_was_killed_is_answered_by_the_end_of_its_command(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyed_calls, "GRACE", timedelta(0))
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        first = asyncio.ensure_future(reset(core, "k-1"))
        command = await edge.next("command")
        # As the end of the process does: nothing runs on behind the commit of the command.
        (running,) = [task for task in asyncio.all_tasks() if task.get_name().endswith("with an idempotency key")]
        running.cancel()
        assert await refused(first) == (grpc.StatusCode.UNAVAILABLE, "the core is stopping")
        again = asyncio.ensure_future(reset(core, "k-1"))
        edge.put(link.Upstream(command_result=edge.result(command, ACCEPTED)))
        answer = await again

    assert answer.response == ACCEPTED
    assert answer.command.state == common.COMMAND_STATE_ANSWERED
    assert len(edge.commands) == 1


def set_variables(core: RunningCore, key: str, count: int) -> Any:
    items = [
        ocpp.SetVariableData(component=Component(name="C"), variable=Variable(name=f"V{number}"), attribute_value="1")
        for number in range(count)
    ]
    request = provisioning_pb2.SetVariablesRequest(
        target=common.CommandTarget(station_id="CS-1"), request=ocpp.SetVariablesRequest(set_variable_data=items)
    )
    return core.stub(ProvisioningServiceStub).SetVariables(request, metadata=keyed(core, key))


def reserve(core: RunningCore, key: str) -> Any:
    request = reservation_pb2.ReserveNowRequest(
        target=common.CommandTarget(station_id="CS-1"),
        request=ocpp_reservation.ReserveNowRequest(
            expiry_date_time=IN_AN_HOUR,
            id_token=IdToken(id_token="AA", type="Central"),
        ),
    )
    return core.stub(ReservationServiceStub).ReserveNow(request, metadata=keyed(core, key))


def call_station(core: RunningCore, key: str) -> Any:
    request = commands_pb2.CallStationRequest(target=common.CommandTarget(station_id="CS-1"), action="SetVariables")
    data: dict[str, Any] = {"component": {"name": "C"}, "variable": {"name": "V"}, "attributeValue": "1"}
    request.payload.update({"setVariableData": [data]})
    return core.stub(CommandsServiceStub).CallStation(request, metadata=keyed(core, key))


IN_AN_HOUR = timestamp(datetime.now(UTC) + timedelta(hours=1))
RESERVED = ocpp_reservation.ReserveNowResponse(status=ocpp_reservation.RESERVE_NOW_STATUS_ENUM_ACCEPTED)
LIMIT_OF_THREE = ocpp.GetVariablesResponse(
    get_variable_result=[
        ocpp.GetVariableResult(
            attribute_status=ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED,
            attribute_value="3",
            component=Component(name="DeviceDataCtrlr"),
            variable=Variable(name="ItemsPerMessage", instance="SetVariables"),
        )
    ]
)
SET = ocpp.SetVariablesResponse(
    set_variable_result=[
        ocpp.SetVariableResult(
            attribute_status=ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED,
            component=Component(name="C"),
            variable=Variable(name="V0"),
        )
    ]
)


async def test_a_command_that_does_not_tell_the_whole_answer_answers_no_call_whose_core_was_killed(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only asked for limits, is the first of several, or the response says more than it."""
    monkeypatch.setattr(keyed_calls, "GRACE", timedelta(0))
    monkeypatch.setattr(keyed_calls, "LONGEST_WAIT", 0.0)
    await core.add_station("CS-1")
    calls: list[tuple[Callable[[str], Any], Message]] = [
        (lambda key: set_variables(core, key, 5), LIMIT_OF_THREE),
        (lambda key: set_variables(core, key, 5), SET),
        (lambda key: call_station(core, key), SET),
        (lambda key: reserve(core, key), RESERVED),
    ]
    async with core.edge() as edge:
        await online(edge)
        for number, (call, answer) in enumerate(calls):
            first = asyncio.ensure_future(call(f"k-{number}"))
            command = await edge.next("command")
            (running,) = [task for task in asyncio.all_tasks() if task.get_name().endswith("with an idempotency key")]
            running.cancel()
            await refused(first)
            edge.put(link.Upstream(command_result=edge.result(command, answer)))
            request = commands_pb2.GetCommandRequest(command_id=command.id)
            async with asyncio.timeout(WAIT):
                while not (await core.stub(CommandsServiceStub).GetCommand(request)).HasField("finish_time"):
                    await asyncio.sleep(PAUSE)
            code, said = await refused(call(f"k-{number}"))
            assert (code, said[:31]) == (grpc.StatusCode.ABORTED, "the call with this idempotency "), number
    assert len(edge.commands) == len(calls)


def test_actions_in_pieces_are_those_whose_responses_name_several_commands() -> None:
    several = {method.name for method in rpcs() if {"command", "commands"} <= set(method.output_type.fields_by_name)}
    assert several == IN_PIECES


async def test_a_call_that_failed_fails_alike(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: link.CommandFailure(
            reason=link.CommandFailure.REASON_CALL_ERROR, error=link.CallError(code="InternalError", description="no")
        )
        failures = [await refused(reset(core, "k-1"), is_replay=again) for again in (False, True)]
    await core.add_station("CS-2")
    never = [await refused(reset(core, "k-2", "CS-2"), is_replay=again) for again in (False, True)]

    assert failures == [(grpc.StatusCode.ABORTED, "the station answered InternalError: no")] * 2
    assert never == [(grpc.StatusCode.UNAVAILABLE, "the station is not connected")] * 2
    assert await count(core, CommandRow) == 2
