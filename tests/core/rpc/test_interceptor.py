"""Errors, input and measurement of rpcs, seen through a real server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import pytest
from sqlalchemy.exc import OperationalError

from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.stations_pb2_grpc import (
    StationsServiceServicer,
    StationsServiceStub,
    add_StationsServiceServicer_to_server,
)
from citrine.events.v1 import events_service_pb2 as events
from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2_grpc import (
    EventsServiceServicer,
    EventsServiceStub,
    add_EventsServiceServicer_to_server,
)
from citrine_core import errors
from citrine_core.dispatch import Block
from citrine_core.rpc import Access, Identity, build_server, caller
from citrine_core.rpc.rates import Rates
from citrine_sdk import error_reason
from tests.support.api import error_info, field_violations
from tests.support.waiting import WAIT


class Failing(StationsServiceServicer, EventsServiceServicer):
    """Fails as a test says."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.started = asyncio.Event()
        self.ended = asyncio.Event()

    async def GetStation(self, request: Any, context: Any) -> pb.Station:
        if self.error is not None:
            context.set_trailing_metadata((("citrine-command-id", "C-1"),))
            raise self.error
        return pb.Station(station_id=request.station_id, tenant_id=caller(context).tenant_id)

    async def DeleteStation(self, request: Any, context: Any) -> Any:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def Subscribe(self, request: Any, context: Any) -> AsyncIterator[events.SubscribeResponse]:
        try:
            yield events.SubscribeResponse(event=Event(tenant_id=caller(context).tenant_id))
            if self.error is not None:
                raise self.error
            await asyncio.Event().wait()
        finally:
            self.ended.set()


class Everybody:
    """Lets everybody in, until told otherwise."""

    def __init__(self) -> None:
        self.left = 1_000
        """How many times it still lets somebody in."""
        self.asked = 0
        self.error: Exception | None = None

    async def authenticate(self, metadata: Mapping[str, str]) -> Identity | None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.left -= 1
        return Identity("somebody", "acme", frozenset({"*"})) if self.left >= 0 else None


class Setup:
    def __init__(self) -> None:
        self.servicer = Failing()  # type: ignore[abstract]
        self.everybody = Everybody()
        self.most: int | None = None
        """How many rpcs of the tenant may begin; by a clock that stands still."""
        self.observed: asyncio.Queue[tuple[str, grpc.StatusCode, float]] = asyncio.Queue()

    async def tenant_exists(self, tenant_id: str) -> bool:
        return True

    def observe(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        self.observed.put_nowait((method.rpartition("/")[2], code, seconds))

    async def next_observed(self) -> tuple[str, grpc.StatusCode]:
        async with asyncio.timeout(WAIT):
            method, code, _ = await self.observed.get()
        return method, code


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    setup = Setup()
    block = Block(
        "test",
        add_servicers=[
            lambda server: add_StationsServiceServicer_to_server(setup.servicer, server),
            lambda server: add_EventsServiceServicer_to_server(setup.servicer, server),
        ],
    )
    rates = Rates(lambda tenant_id: setup.most, lambda: 0.0)
    server = build_server([block], Access([setup.everybody], setup.tenant_exists), setup.observe, rates=rates)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        setup.stations = StationsServiceStub(channel)  # type: ignore[attr-defined]
        setup.events = EventsServiceStub(channel)  # type: ignore[attr-defined]
        yield setup
    await server.stop(grace=None)


async def failure(setup: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await setup.stations.GetStation(pb.GetStationRequest(station_id="S-1"), timeout=WAIT)
    return raised.value


async def test_servicer_knows_the_caller(setup: Any) -> None:
    station = await setup.stations.GetStation(pb.GetStationRequest(station_id="S-1"))

    assert (station.tenant_id, station.station_id) == ("acme", "S-1")
    assert await setup.next_observed() == ("GetStation", grpc.StatusCode.OK)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotFound("station", "S-1"), grpc.StatusCode.NOT_FOUND),
        (errors.Conflict("changed"), grpc.StatusCode.ABORTED),
        (errors.StationTimeout("no answer"), grpc.StatusCode.DEADLINE_EXCEEDED),
        (errors.DatabaseUnavailable(), grpc.StatusCode.UNAVAILABLE),
        (OperationalError("SELECT secret", None, ConnectionError("host")), grpc.StatusCode.INTERNAL),
        (TimeoutError("secret"), grpc.StatusCode.INTERNAL),
        (errors.Overloaded(), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (errors.NotSupported("not in OCPP 2.0.1"), grpc.StatusCode.UNIMPLEMENTED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
async def test_error_becomes_its_status(setup: Any, error: Exception, code: grpc.StatusCode) -> None:
    setup.servicer.error = error

    raised = await failure(setup)

    assert raised.code() is code
    assert "secret" not in str(raised)
    assert ("citrine-command-id", "C-1") in tuple(raised.trailing_metadata())
    assert await setup.next_observed() == ("GetStation", code)


async def test_wrong_field_is_named_in_the_details(setup: Any) -> None:
    setup.servicer.error = errors.InvalidArgument("station.description", "is too long")

    raised = await failure(setup)

    assert raised.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.details() == "station.description: is too long"
    assert field_violations(raised) == ["station.description"]
    assert ("citrine-command-id", "C-1") in tuple(raised.trailing_metadata())


async def test_error_code_of_the_station_is_in_the_details(setup: Any) -> None:
    setup.servicer.error = errors.StationError("PropertyConstraintViolation", "evse 9?")

    raised = await failure(setup)

    assert raised.code() is grpc.StatusCode.ABORTED
    info = error_info(raised)
    assert (info.reason, info.domain) == ("PropertyConstraintViolation", "citrine")


async def test_what_somebody_else_changed_is_told_from_a_call_that_is_under_way(setup: Any) -> None:
    setup.servicer.error = errors.Conflict("changed")
    changed = await failure(setup)
    setup.servicer.error = errors.CallUnderWay("under way")
    under_way = await failure(setup)

    assert [one.code() for one in (changed, under_way)] == [grpc.StatusCode.ABORTED] * 2
    assert [error_reason(one) for one in (changed, under_way)] == ["CONFLICT", ""]


@pytest.mark.parametrize(
    "error",
    [
        errors.StationError("X" * 5000, "\U0001f50c" * 5000),
        errors.InvalidArgument("payload.fields['" + "\U0001f50c" * 5000, "is wrong"),
        errors.NotFound("station", "ä" * 20_000),
    ],
    ids=["station", "field", "name"],
)
async def test_long_text_does_not_cost_the_status(setup: Any, error: errors.CoreError) -> None:
    setup.servicer.error = error

    assert (await failure(setup)).code() is error.status


async def test_bug_tells_the_caller_nothing_and_the_log_all(setup: Any, caplog: pytest.LogCaptureFixture) -> None:
    setup.servicer.error = ZeroDivisionError("internals")

    raised = await failure(setup)

    assert raised.code() is grpc.StatusCode.INTERNAL
    assert raised.details() == "internal error"
    assert "internals" in caplog.text


async def test_nul_in_a_request_never_reaches_a_servicer(setup: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await setup.stations.GetStation(pb.GetStationRequest(station_id="S\0"))

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field_violations(raised.value) == ["station_id"]


async def test_nul_in_the_request_of_a_stream_is_refused_too(setup: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await setup.events.Subscribe(events.SubscribeRequest(kinds=["a", "\0"])).read()

    assert field_violations(raised.value) == ["kinds[1]"]


async def test_error_in_the_middle_of_a_stream_becomes_its_status(setup: Any) -> None:
    setup.servicer.error = errors.OutOfRange("gone")
    stream = setup.events.Subscribe(events.SubscribeRequest())
    assert (await stream.read()).event.tenant_id == "acme"

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stream.read()

    assert raised.value.code() is grpc.StatusCode.OUT_OF_RANGE
    assert await setup.next_observed() == ("Subscribe", grpc.StatusCode.OUT_OF_RANGE)


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_cancelled_call_ends_its_servicer(setup: Any, kind: str) -> None:
    if kind == "unary":
        call = setup.stations.DeleteStation(pb.DeleteStationRequest())
        await setup.servicer.started.wait()
    else:
        call = setup.events.Subscribe(events.SubscribeRequest())
        await call.read()

    call.cancel()

    _, code = await setup.next_observed()
    assert code is grpc.StatusCode.CANCELLED
    async with asyncio.timeout(WAIT):
        await setup.servicer.ended.wait()


async def test_stream_ends_when_its_key_is_revoked_also_if_nothing_is_sent(
    setup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.rpc.rechecks.RECHECK_INTERVAL", 0.01)
    stream = setup.events.Subscribe(events.SubscribeRequest())
    await stream.read()
    setup.everybody.left = 0

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stream.read()

    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    async with asyncio.timeout(WAIT):
        await setup.servicer.ended.wait()


async def test_a_stream_counts_as_one_request_however_often_its_key_is_checked(
    setup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.rpc.rechecks.RECHECK_INTERVAL", 0.01)
    setup.most = 3
    stream = setup.events.Subscribe(events.SubscribeRequest())
    await stream.read()
    async with asyncio.timeout(WAIT):
        while setup.everybody.asked < 10:
            await asyncio.sleep(0.01)

    for _ in range(2):
        await setup.stations.GetStation(pb.GetStationRequest(station_id="S-1"))
    assert (await failure(setup)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_stream_goes_on_while_its_key_cannot_be_checked(setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_core.rpc.rechecks.RECHECK_INTERVAL", 0.01)
    stream = setup.events.Subscribe(events.SubscribeRequest())
    await stream.read()
    setup.everybody.error = errors.DatabaseUnavailable()
    async with asyncio.timeout(WAIT):
        while setup.everybody.asked < 4:
            await asyncio.sleep(0.01)

    assert not stream.done()
    setup.everybody.error, setup.everybody.left = None, 0
    assert await stream.code() is grpc.StatusCode.UNAUTHENTICATED
