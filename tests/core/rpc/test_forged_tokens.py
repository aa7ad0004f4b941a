"""A page token is the caller's to forge: whatever it says, each list refuses it by name or goes on behind it."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from citrine.api.v1.stations_pb2 import ListStationsRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine_core.rpc.pages import _digest
from tests.support.api import field_violations
from tests.support.contract import rpcs
from tests.support.core import RunningCore, running_core

KEYS: list[list[Any]] = [
    [],
    [None],
    [True],
    [1.5],
    [0],
    [2**31],
    [2**63 - 1],
    [-(2**63)],
    [2**64 - 1],
    [2**70],
    ["x"],
    ["nul\0"],
    ["x" * 100_000],
    [{"time": "2026-01-01T00:00:00+00:00"}],
    [{"time": "0001-01-01T00:00:00+23:59"}],
    [{"time": "9999-12-31T23:59:59-23:59"}],
    [{"time": "not a time"}],
    [{"time": 5}],
    [{}],
    [[]],
]
"""What a key may be said to be, for each of its columns."""

MIXED = [2**40, "x", {"time": "2026-01-01T00:00:00+00:00"}]
"""What the columns of a longer key may be said to be."""

TOKENS = ["x", "=", "%%%", "A" * 5000, "\u00e9", base64.urlsafe_b64encode(b"[" * 10_000).decode()]

ALLOWED = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}


def lists() -> Iterator[MethodDescriptor]:
    """Return the methods that list something page by page."""
    for method in rpcs():
        if "page_token" in method.input_type.fields_by_name:
            yield method


def token_of(request: Message, key: list[Any]) -> str:
    """Return a token for the request that says this key, and has its digest."""
    content = json.dumps([_digest(request), *key]).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


async def answer(core: RunningCore, method: MethodDescriptor, request: Message) -> grpc.aio.AioRpcError | None:
    """Return what a list is refused with; None where it is answered."""
    response_class = message_factory.GetMessageClass(method.output_type)
    channel: Any = core.channel
    call = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=response_class.FromString,
    )
    try:
        await call(request)
    except grpc.aio.AioRpcError as error:
        return error
    return None


async def valid_request(core: RunningCore, method: MethodDescriptor) -> Message:
    """Return a request of a list that is answered, or of which only what it is a list of is not found."""
    request = message_factory.GetMessageClass(method.input_type)()
    for _ in range(5):
        error = await answer(core, method, request)
        if error is None or error.code() is grpc.StatusCode.NOT_FOUND:
            return request
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, (method.full_name, error)
        for name in field_violations(error):
            fill(request, name)
    raise AssertionError(f"no valid request of {method.full_name} was found: {error}")


def fill(request: Any, path: str) -> None:
    """Set a field that is required."""
    name, _, rest = path.partition(".")
    field = request.DESCRIPTOR.fields_by_name[name]
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        fill(getattr(request, name), rest or next(iter(field.message_type.fields_by_name)))
    elif field.type == FieldDescriptor.TYPE_STRING:
        setattr(request, name, "CS-1")
    else:
        setattr(request, name, 1)


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> Any:
    async with running_core(database_url, tmp_path) as running:
        await running.add_station("CS-1")
        yield running


async def test_no_forged_token_is_a_defect(core: RunningCore, caplog: pytest.LogCaptureFixture) -> None:
    wrong = []
    methods = list(lists())
    assert len(methods) > 20
    for method in methods:
        request: Any = await valid_request(core, method)
        tokens = [*TOKENS, *(token_of(request, key) for key in KEYS)]
        tokens += [token_of(request, [value] * width) for width in range(2, 5) for value in MIXED]
        for token in tokens:
            request.page_token = token
            error = await answer(core, method, request)
            code = grpc.StatusCode.OK if error is None else error.code()
            details = "" if error is None else str(error.details())
            if code not in ALLOWED or (code is grpc.StatusCode.INVALID_ARGUMENT and "page_token" not in details):
                wrong.append((method.full_name, token[:40], code, details))
    assert wrong == []
    assert not [record for record in caplog.records if record.exc_info]
    assert core.core.health.serving


async def test_a_token_of_another_tenant_shows_nothing_of_it(core: RunningCore) -> None:
    await core.add_tenant("acme")
    for number in range(3):
        await core.add_station(f"ACME-{number}", tenant_id="acme")
    list_stations = core.stub(StationsServiceStub).ListStations
    first = await list_stations(ListStationsRequest(page_size=1), metadata=core.metadata("acme"))

    rest = await list_stations(ListStationsRequest(page_size=1, page_token=first.next_page_token))
    assert [station.tenant_id for station in rest.stations] == ["default"] * len(rest.stations)


async def test_a_token_that_was_cut_off_is_refused(core: RunningCore) -> None:
    for number in range(3):
        await core.add_station(f"CS-2{number}")
    list_stations = core.stub(StationsServiceStub).ListStations
    token = (await list_stations(ListStationsRequest(page_size=1))).next_page_token
    for length in range(1, len(token)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await list_stations(ListStationsRequest(page_size=1, page_token=token[:length]))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.in_turn
@pytest.mark.parametrize("token", ["x", "-1", "9" * 18, "9" * 400, "\u0663", "1.5", "", "0"])
async def test_a_forged_token_of_events_is_refused_by_name(core: RunningCore, token: str) -> None:
    stream = core.stub(EventsServiceStub).Subscribe(SubscribeRequest(from_token=token))
    if token in ("", "0"):
        await stream.read()
        stream.cancel()
        return
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stream.read()
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "from_token" in str(refused.value.details())
