"""Health and reflection of the server."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from citrine_core.rpc import Access, RpcHealth, server
from tests.support.api import Api
from tests.support.core import running_core
from tests.support.waiting import WAIT


@pytest.mark.in_turn
@pytest.mark.parametrize("service", ["", "citrine.api.v1.StationsService"])
async def test_health_follows_the_core_and_needs_no_key(api: Api, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(api.channel)
    request = health_pb2.HealthCheckRequest(service=service)

    assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
    await api.health.set_serving(False)
    assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_health_of_an_unknown_service_is_not_found(api: Api) -> None:
    stub = health_pb2_grpc.HealthStub(api.channel)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.Check(health_pb2.HealthCheckRequest(service="nothing"))

    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


async def test_health_watch_says_that_the_core_drains(api: Api) -> None:
    stream = health_pb2_grpc.HealthStub(api.channel).Watch(health_pb2.HealthCheckRequest())
    assert (await stream.read()).status == health_pb2.HealthCheckResponse.SERVING

    await api.health.shut_down()
    await api.health.set_serving(True)

    assert (await stream.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    stream.cancel()


async def test_reflection_lists_the_services_and_needs_no_key(api: Api) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(api.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")

    answers = [answer async for answer in stub.ServerReflectionInfo(iter([request]))]

    names = {service.name for service in answers[0].list_services_response.service}
    assert {"citrine.api.v1.StationsService", "grpc.health.v1.Health"} <= names


async def test_server_without_reflection_shows_no_services(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path, grpc_reflection=False) as core:
        stub = core.stub(reflection_pb2_grpc.ServerReflectionStub)
        request = reflection_pb2.ServerReflectionRequest(list_services="")

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ServerReflectionInfo(iter([request])).read()

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_unknown_method_is_unimplemented(api: Api) -> None:
    call: Any = api.channel.unary_unary("/citrine.api.v1.StationsService/Nothing")

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(b"")

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_connections_that_say_nothing_are_dropped_and_those_beyond_the_limit_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_TIMEOUT", 0.5)
    access = Access([], _nobody_asks, _nobody_asks)
    limited = server.build_server([], access, health_servicer=RpcHealth([]).servicer(), connections=5)
    port = limited.add_insecure_port("127.0.0.1:0")
    await limited.start()
    try:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        async with asyncio.timeout(WAIT):
            await asyncio.gather(*(reader.read() for reader, _ in silent), return_exceptions=True)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    finally:
        for _, writer in silent:
            writer.close()
        await limited.stop(None)


async def _nobody_asks(*_: object) -> Any:
    raise AssertionError
