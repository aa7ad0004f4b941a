"""Tests of a whole core: outages, draining, the blocks that it serves, what it refuses to start with."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from citrine.api.v1 import connections_pb2, connections_pb2_grpc
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2.availability_pb2 import (
    CONNECTOR_STATUS_ENUM_AVAILABLE,
    HeartbeatRequest,
    StatusNotificationRequest,
)
from citrine.ocpp.v2.provisioning_pb2 import (
    BOOT_REASON_ENUM_POWER_UP,
    BootNotificationRequest,
    ChargingStation,
)
from citrine_core.config import InvalidSetting
from citrine_core.core import CALLERS, CannotStart
from citrine_core.db import unit_of_work
from citrine_core.db.upgrade import upgrade
from citrine_core.errors import DatabaseUnavailable
from tests.support.core import CREDENTIAL, PASSWORD, RunningCore, running_core
from tests.support.fake_edge import RefusedByCore, fake_edge, timestamp
from tests.support.postgres import PostgresServer

BOOT = BootNotificationRequest(
    reason=BOOT_REASON_ENUM_POWER_UP, charging_station=ChargingStation(model="M", vendor_name="V")
)

STATUS = StatusNotificationRequest(
    timestamp=timestamp(), connector_status=CONNECTOR_STATUS_ENUM_AVAILABLE, evse_id=1, connector_id=1
)


async def http(core: RunningCore, path: str) -> tuple[int, str]:
    """Return status and body of a GET."""
    host, _, port = core.http_address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: core\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split(" ")[1]), body


async def is_serving(core: RunningCore) -> bool:
    stub = health_pb2_grpc.HealthStub(core.channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest())
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def test_health_and_metrics(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await (await edge.connect("CS-1", PASSWORD)).call(BOOT)

        assert await http(core, "/healthz") == (200, "ok\n")
        assert await http(core, "/readyz") == (200, "ok\n")
        status, metrics = await http(core, "/metrics")
        assert (await http(core, "/"))[0] == 404
    assert status == 200
    assert "citrine_core_links 1.0" in metrics
    assert "citrine_core_items_total" in metrics
    assert await is_serving(core)


async def test_an_outage_is_announced_and_ends_with_a_committed_write(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path) as core, core.edge() as edge:
        await core.add_station("CS-1")
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        break_it, mend_it = table_gone(sqlite_url, "connections", "probe")

        await asyncio.to_thread(break_it)
        call = edge.put_call(session.ref, BOOT)
        assert not (await edge.next("serving")).serving
        assert (await http(core, "/readyz"))[0] == 503
        assert not await is_serving(core)
        refused = await edge.admit("CS-1", PASSWORD)
        await asyncio.to_thread(mend_it)
        assert (await edge.next("serving")).serving

        assert isinstance(refused, link.Refused)
        assert (refused.status, refused.HasField("retry_after")) == (503, True)
        with pytest.raises(TimeoutError):
            await edge.answer_to(call, limit=0.1)
        # The edge sends it again.
        assert (await session.call(BOOT)).HasField("current_time")


def table_gone(url: str, *tables: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what takes tables away, which SQLite reports as it does a broken disk, and what brings them back."""

    def rename(old: str, new: str) -> None:
        connection = sqlite3.connect(url.removeprefix("sqlite+aiosqlite:///"), timeout=10)
        for table in tables:
            connection.execute(f"ALTER TABLE {table}{old} RENAME TO {table}{new}")
        connection.commit()
        connection.close()

    return lambda: rename("", "_gone"), lambda: rename("_gone", "")


async def test_a_database_that_stops_and_starts_loses_no_link(tmp_path: Path) -> None:
    server = PostgresServer()
    try:
        server.start()
        await upgrade(server.url())
        async with running_core(server.url(), tmp_path) as core, core.edge() as edge:
            await core.add_station("CS-1")
            session = await edge.connect("CS-1", PASSWORD)
            await session.call(BOOT)

            await asyncio.to_thread(server.stop)
            edge.put_call(session.ref, BOOT)
            assert not (await edge.next("serving")).serving
            await asyncio.to_thread(server.start)
            assert (await edge.next("serving")).serving

            assert (await session.call(BOOT)).HasField("current_time")
    finally:
        await asyncio.to_thread(server.remove)


async def test_an_edge_that_links_in_an_outage_is_reconciled_after_it(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path) as core:
        await core.add_station("CS-1")
        async with core.edge("edge-1") as first, core.edge("edge-2") as second:
            old = await first.connect("CS-1", PASSWORD)
            await first.break_off()
            await (await second.connect("CS-1", PASSWORD)).call(HeartbeatRequest())
            break_it, mend_it = table_gone(sqlite_url, "connections", "probe")
            await asyncio.to_thread(break_it)

            await first.open()
            welcome = first.welcome
            await asyncio.to_thread(mend_it)

            # The outage that it found itself is announced to all, itself among them.
            while not (await first.next("serving")).serving:
                pass
            assert (await first.next("disconnect")).session == old.ref
    assert not welcome.serving


async def test_a_drain_answers_what_is_under_way_and_ends_the_links(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path) as core:
        await core.add_station("CS-1")
        async with core.edge() as edge:
            session = await edge.connect("CS-1", PASSWORD)
            await session.call(BOOT)

            core.stop.set()
            calls = [edge.put_call(session.ref, BOOT) for _ in range(50)]
            await edge.next("draining")

            answers = [await edge.answer_to(call) for call in calls]
            assert len(answers) == 50
            assert await edge.ended() is grpc.StatusCode.UNAVAILABLE


async def test_a_core_with_some_blocks_serves_their_actions_only(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path, blocks="provisioning, security") as core, core.edge() as edge:
        await core.add_station("CS-1")
        session = await edge.connect("CS-1", PASSWORD)

        with pytest.raises(RefusedByCore) as refusal:
            await session.call(STATUS)
    assert {"BootNotification", "SecurityEventNotification"} <= set(edge.welcome.actions)
    assert "TransactionEvent" not in edge.welcome.actions
    assert refusal.value.code == "NotSupported"


async def test_an_unknown_block_stops_the_start(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="there is no block dancing"):
        async with running_core(sqlite_url, tmp_path, blocks="dancing"):
            pass


async def test_a_port_in_use_stops_the_start(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path) as core:
        with pytest.raises(CannotStart, match=core.address):
            async with running_core(sqlite_url, tmp_path, grpc_listen=core.address):
                pass
        with pytest.raises(CannotStart, match=core.http_address):
            async with running_core(sqlite_url, tmp_path, core_http_listen=core.http_address):
                pass


async def test_without_a_credential_no_edge_is_let_in(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path, edge_credential=None) as core:
        with pytest.raises(AssertionError, match="UNAUTHENTICATED"):
            async with fake_edge(core.address, CREDENTIAL):
                pass


async def test_the_connection_of_an_offline_station_is_not_found(core: RunningCore) -> None:
    await core.add_station("CS-1")
    stub = core.stub(connections_pb2_grpc.ConnectionsServiceStub)
    requests: list[tuple[Any, Any]] = [
        (stub.GetConnection, connections_pb2.GetConnectionRequest(station_id="CS-1")),
        (stub.CloseConnection, connections_pb2.CloseConnectionRequest(station_id="CS-1")),
    ]
    for call, request in requests:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await call(request)
        assert failure.value.code() is grpc.StatusCode.NOT_FOUND


async def test_callers_leave_the_database_to_stations(core: RunningCore) -> None:
    """However many of them ask for what takes long: it is no outage, and no station is sent away for it."""
    await core.add_station("CS-1")
    release = asyncio.Event()

    async def ask() -> None:
        async with core.core.services.unit_of_work(read_only=True):
            await release.wait()

    async with core.edge() as edge, asyncio.TaskGroup() as callers:
        session = await edge.connect("CS-1", PASSWORD)
        for _ in range(100):
            callers.create_task(ask())
        try:
            async with asyncio.timeout(4):
                assert (await session.call(BOOT)).HasField("current_time")
        finally:
            release.set()


async def test_a_caller_waits_for_the_database_for_a_time(core: RunningCore, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = core.core.services.unit_of_work
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(CALLERS):
            await stack.enter_async_context(opened(read_only=True))
        monkeypatch.setattr(unit_of_work, "TURN_TIMEOUT", 0.01)
        with pytest.raises(DatabaseUnavailable):
            await stack.enter_async_context(opened(read_only=True))

    async with opened(read_only=True):
        pass
