"""What callers may have under way: who has no key costs nothing, and nobody locks out others."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import stations_pb2
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2 import ResetRequest
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.events.v1 import events_service_pb2
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.v2 import provisioning_pb2
from citrine_core.core import CALLERS
from citrine_core.resources.keys.secrets import new_key
from citrine_core.rpc import load
from citrine_core.rpc.load import largest_request
from tests.support.api import auth
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.databases import somebody_waits
from tests.support.deployment import Deployment, deploy
from tests.support.waiting import PAUSE, WAIT

LARGE = b"\0" * (60 << 20)

LIST = "/citrine.api.v1.StationsService/ListStations"
CHECK = "/grpc.health.v1.Health/Check"
RESET = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE)
ACCEPTED = provisioning_pb2.RESET_STATUS_ENUM_ACCEPTED
UPDATE_LIST = "/citrine.api.v1.LocalAuthListService/UpdateLocalList"


def bare_channel(address: str) -> Any:
    """Return a channel for requests in bytes, of any size."""
    return grpc.aio.insecure_channel(address, options=[("grpc.max_send_message_length", -1)])


def most_memory(deployment: Deployment) -> int:
    """Return the most memory that the core ever had, in bytes."""
    status = Path(f"/proc/{deployment.cores[0].pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def code_of(call: Any) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


async def test_a_caller_without_a_key_costs_nothing(sqlite_url: str, tmp_path: Path) -> None:
    """Neither do those who ask for what needs none."""
    async with deploy(sqlite_url, tmp_path / "citrine", edges=0, migrated=True) as deployment:
        address = deployment.core_addresses[0]
        async with bare_channel(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            await health.Check(health_pb2.HealthCheckRequest())
            before = most_memory(deployment)

            codes = await asyncio.gather(*(code_of(channel.unary_unary(LIST)(LARGE)) for _ in range(8)))
            assert set(codes) == {grpc.StatusCode.UNAUTHENTICATED}
            assert most_memory(deployment) - before < 30 << 20

            codes = await asyncio.gather(*(code_of(channel.unary_unary(CHECK)(LARGE)) for _ in range(8)))
            assert set(codes) == {grpc.StatusCode.RESOURCE_EXHAUSTED}
            codes = await asyncio.gather(*(code_of(channel.unary_unary(CHECK)(LARGE[: 7 << 20])) for _ in range(32)))
            assert set(codes) == {grpc.StatusCode.INVALID_ARGUMENT}
            assert most_memory(deployment) - before < 100 << 20
            await health.Check(health_pb2.HealthCheckRequest())


async def test_keys_that_nobody_has_take_one_connection(
    postgres_url: str, postgres_engine: AsyncEngine, tmp_path: Path
) -> None:
    """Whoever tries them by the thousand must not take those of callers with a key."""
    async with running_core(postgres_url, tmp_path) as core, bare_channel(core.address) as channel:
        # This key is known from now on.
        await core.stub(StationsServiceStub).ListStations(stations_pb2.ListStationsRequest())
        async with postgres_engine.connect() as gate:
            await gate.execute(text("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"))
            tried = [
                asyncio.create_task(
                    code_of(channel.unary_unary(LIST)(b"", metadata=[("authorization", f"Bearer {key}")]))
                )
                for key in (new_key() for _ in range(4 * CALLERS))
            ]
            await somebody_waits(postgres_engine)
            async with asyncio.timeout(2):
                await core.stub(StationsServiceStub).ListStations(stations_pb2.ListStationsRequest())
            await gate.rollback()
        assert set(await asyncio.gather(*tried)) == {grpc.StatusCode.UNAUTHENTICATED}


async def test_a_burst_of_rpcs_is_served_or_told_that_they_are_too_many(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path) as core, bare_channel(core.address) as channel:
        call = channel.unary_unary(LIST)
        codes = await asyncio.gather(*(code_of(call(b"", metadata=core.metadata())) for _ in range(1300)))
    assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


@pytest.mark.in_turn
@pytest.mark.parametrize("method", [LIST, CHECK, "/citrine.events.v1.EventsService/Subscribe"])
async def test_what_is_no_message_is_refused_by_name(
    core: RunningCore, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = b"\xff\xff\xff"
    metadata = core.metadata()
    is_stream = "Subscribe" in method
    channel: Any = core.channel
    call = (channel.unary_stream if is_stream else channel.unary_unary)(method)(broken, metadata=metadata)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await (call.read() if is_stream else call)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == "request: is no message of the type that this method takes"
    assert not [record for record in caplog.records if record.exc_info]


async def test_each_method_takes_as_much_as_it_needs(core: RunningCore) -> None:
    assert largest_request(LIST) < largest_request(UPDATE_LIST)
    for method, size, code in (
        (LIST, largest_request(LIST) + 1, grpc.StatusCode.INVALID_ARGUMENT),
        # Read, and no message.
        (UPDATE_LIST, largest_request(LIST) + 1, grpc.StatusCode.INVALID_ARGUMENT),
        (UPDATE_LIST, largest_request(UPDATE_LIST) + 1, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ):
        async with bare_channel(core.address) as channel:
            assert await code_of(channel.unary_unary(method)(b"\0" * size, metadata=core.metadata())) is code


async def test_streams_lock_out_no_call_and_no_link(core: RunningCore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "STREAMS_OF_KEY", 3)
    subscribe = core.stub(EventsServiceStub).Subscribe
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            stream = subscribe(events_service_pb2.SubscribeRequest())
            stack.callback(stream.cancel)
            await stream.read()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await subscribe(events_service_pb2.SubscribeRequest()).read()
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "streams with this key" in str(refused.value.details())

        await core.stub(StationsServiceStub).ListStations(stations_pb2.ListStationsRequest())
        async with core.edge():
            pass

    async def again() -> None:
        while await code_of(first_of(subscribe(events_service_pb2.SubscribeRequest()))) is not grpc.StatusCode.OK:
            await asyncio.sleep(PAUSE)

    async with asyncio.timeout(WAIT):
        await again()


async def first_of(stream: Any) -> None:
    await stream.read()
    stream.cancel()


async def test_one_tenant_has_a_bound_that_leaves_others_their_places(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many keys it has. The operator is none of them."""
    await core.add_tenant("acme")
    keys = [await core.add_key("acme") for _ in range(2)]
    other = await core.add_key("default")
    monkeypatch.setattr(load, "STREAMS_OF_TENANT", 2)
    async with grpc.aio.insecure_channel(core.address) as channel, contextlib.AsyncExitStack() as stack:
        subscribe = EventsServiceStub(channel).Subscribe
        for key in keys:
            stream = subscribe(events_service_pb2.SubscribeRequest(), metadata=auth(key))
            stack.callback(stream.cancel)
            await stream.read()

        with pytest.raises(grpc.aio.AioRpcError, match="streams of this tenant"):
            await subscribe(events_service_pb2.SubscribeRequest(), metadata=auth(keys[0])).read()
        for key in (other, core.key):
            stream = subscribe(events_service_pb2.SubscribeRequest(), metadata=auth(key))
            stack.callback(stream.cancel)
            await stream.read()


async def test_more_calls_than_may_be_under_way_are_told_so_and_other_tenants_go_on(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls wait for stations that think."""
    await core.add_tenant("acme")
    await core.add_station("CS-1", tenant_id="acme")
    await core.add_station("CS-1")
    one, two, other = [await core.add_key(tenant_id) for tenant_id in ("acme", "acme", "default")]
    for bound, most in (("CALLS_OF_KEY", 3), ("CALLS_OF_TENANT", 4), ("CALLS", 6)):
        monkeypatch.setattr(load, bound, most)
    async with core.edge() as edge, grpc.aio.insecure_channel(core.address) as channel:
        for tenant_id in ("acme", "default"):
            await edge.connect("CS-1", PASSWORD, tenant_id=tenant_id)
        under_way = []

        async def begin(key: str) -> None:
            request = ResetRequest(target=CommandTarget(station_id="CS-1"), request=RESET)
            under_way.append(ProvisioningServiceStub(channel).Reset(request, metadata=auth(key)))
            await edge.next("command")

        async def refused(key: str) -> str:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await listed(key)
            assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            return str(error.value.details())

        async def listed(key: str) -> None:
            request = stations_pb2.ListStationsRequest()
            await StationsServiceStub(channel).ListStations(request, metadata=auth(key))

        for _ in range(3):
            await begin(one)
        assert "calls with this key" in await refused(one)
        await listed(two)
        await begin(two)
        assert "calls of this tenant" in await refused(two)
        await listed(other)
        await begin(other)
        await begin(other)
        assert "too many calls" in await refused(other)
        # Neither health nor edges are counted.
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        for command in edge.commands:
            edge.put(
                link.Upstream(command_result=edge.result(command, provisioning_pb2.ResetResponse(status=ACCEPTED)))
            )
        assert {(await call).response.status for call in under_way} == {ACCEPTED}
        for key in (one, two, other):
            await listed(key)


async def test_one_key_has_a_bound_of_its_own(core: RunningCore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "CALLS_OF_KEY", 0)
    code = await code_of(core.stub(StationsServiceStub).ListStations(stations_pb2.ListStationsRequest()))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    # Health needs no key, and edges have their own.
    await health_pb2_grpc.HealthStub(core.channel).Check(health_pb2.HealthCheckRequest())
    async with core.edge() as edge:
        assert edge.welcome.serving
