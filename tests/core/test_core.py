"""Tests of a whole core: outages, draining, the blocks that it serves, what it refuses to start with."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sqlalchemy import event, select
from sqlalchemy.pool import Pool

from citrine.api.v1 import connections_pb2, connections_pb2_grpc
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2 import ResetRequest
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.api.v1.stations_pb2 import ListStationsRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import provisioning_pb2 as pb_provisioning
from citrine.ocpp.v2.availability_pb2 import (
    CONNECTOR_STATUS_ENUM_AVAILABLE,
    HeartbeatRequest,
    StatusNotificationRequest,
)
from citrine.ocpp.v2.provisioning_pb2 import (
    BOOT_REASON_ENUM_POWER_UP,
    RESET_ENUM_IMMEDIATE,
    RESET_STATUS_ENUM_ACCEPTED,
    BootNotificationRequest,
    ChargingStation,
    ResetResponse,
)
from citrine_core.background import survive
from citrine_core.core import CALLERS, CannotStart
from citrine_core.db import in_background
from citrine_core.db.engine import POOL_SIZE
from citrine_core.db.upgrade import upgrade
from citrine_core.errors import Overloaded
from citrine_core.resources.keys import ApiKey
from citrine_core.rpc import Caller, acting_as
from citrine_process.settings import InvalidSetting
from tests.support.core import CREDENTIAL, PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession, RefusedByCore, fake_edge, timestamp
from tests.support.postgres import PostgresServer
from tests.support.waiting import PAUSE, WAIT

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


async def test_heartbeats_need_no_transaction_after_the_first(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        await station.call(HeartbeatRequest())
        before = await _batches(core)
        answers = [await station.call(HeartbeatRequest()) for _ in range(5)]
        after = await _batches(core)

    assert after == before
    times = [answer.current_time.ToDatetime(UTC) for answer in answers]
    assert times == sorted(times)
    assert abs(times[-1] - datetime.now(UTC)) < timedelta(seconds=10)
    assert "citrine_core_answered_at_once_total 5.0" in (await http(core, "/metrics"))[1]


async def _batches(core: RunningCore) -> str:
    _, metrics = await http(core, "/metrics")
    return next(line for line in metrics.splitlines() if line.startswith("citrine_core_batch_items_count"))


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
    async with running_core(sqlite_url, tmp_path, busy_timeout=0.1) as core, core.edge() as edge:
        await core.add_station("CS-1")
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())

        mend_it = await asyncio.to_thread(locked, sqlite_url)
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


def locked(url: str) -> Callable[[], None]:
    """Take the turn of a writer of an SQLite file, and return what gives it back."""
    connection = sqlite3.connect(url.removeprefix("sqlite+aiosqlite:///"), timeout=10, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return connection.close


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
    async with running_core(sqlite_url, tmp_path, busy_timeout=0.1) as core:
        await core.add_station("CS-1")
        async with core.edge("edge-1") as first, core.edge("edge-2") as second:
            old = await first.connect("CS-1", PASSWORD)
            await first.break_off()
            await (await second.connect("CS-1", PASSWORD)).call(HeartbeatRequest())
            mend_it = await asyncio.to_thread(locked, sqlite_url)

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


async def test_a_core_stops_in_order_where_callers_have_all_places(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.core.CALLERS_PATIENCE", 0.1)
    async with running_core(sqlite_url, tmp_path) as core:
        # A use of the key, which is stored at the end.
        await core.stub(StationsServiceStub).ListStations(ListStationsRequest())
        async with contextlib.AsyncExitStack() as stack:
            await occupy_places(core, stack)
            core.stop.set()
            used = None
            async with asyncio.timeout(WAIT):
                while used is None:
                    async with core.core.unit_of_work(read_only=True) as work:
                        used = await work.session.scalar(select(ApiKey.last_use_time))
                    await asyncio.sleep(PAUSE)


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


async def test_a_core_starts_with_few_connections_to_its_database(database_url: str, tmp_path: Path) -> None:
    """For its jobs, of which there are thirty, do not all begin in the moment in which stations come back."""
    opened: list[object] = []

    def count(connection: object, _record: object) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", count)
    try:
        async with running_core(database_url, tmp_path) as core:
            await core.stub(StationsServiceStub).ListStations(ListStationsRequest())
            assert await is_serving(core)
            # No more than the pool keeps, also on a machine on which each job takes its time.
            assert 1 <= len(opened) <= POOL_SIZE
    finally:
        event.remove(Pool, "connect", count)


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


async def test_callers_that_find_no_place_are_told_so(core: RunningCore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no outage: health says that the core serves, and jobs have places of their own."""
    places = core.core.services.unit_of_work._places
    assert places is not None
    monkeypatch.setattr(places, "_patience", 0.01)
    opened = core.core.services.unit_of_work
    list_stations = core.stub(StationsServiceStub).ListStations
    async with contextlib.AsyncExitStack() as stack:
        await occupy_places(core, stack)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await list_stations(ListStationsRequest())
        with in_background():
            async with asyncio.timeout(4), opened(read_only=True):
                pass
        assert await is_serving(core)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "too many" in str(refused.value.details())
    details = status_pb2.Status.FromString(dict(refused.value.trailing_metadata())["grpc-status-details-bin"])
    retry = error_details_pb2.RetryInfo()
    assert details.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 1
    await list_stations(ListStationsRequest())


async def test_only_so_many_callers_wait(core: RunningCore, monkeypatch: pytest.MonkeyPatch) -> None:
    places = core.core.services.unit_of_work._places
    assert places is not None
    monkeypatch.setattr(places, "_most_waiting", 0)
    async with contextlib.AsyncExitStack() as stack:
        await occupy_places(core, stack)
        with pytest.raises(Overloaded):
            async with core.core.services.unit_of_work(read_only=True):
                pass


async def occupy_places(core: RunningCore, stack: contextlib.AsyncExitStack) -> None:
    """Occupy all places of callers, until the stack ends; each is of another tenant, as one alone has fewer."""
    for number in range(CALLERS):
        with acting_as(Caller(f"tenant-{number}", "test")):
            await stack.enter_async_context(core.core.services.unit_of_work(read_only=True))


async def test_a_burst_of_200_commands_gets_its_answers(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        edge.on_command = lambda command: ResetResponse(status=RESET_STATUS_ENUM_ACCEPTED)
        await (await edge.connect("CS-1", PASSWORD)).call(HeartbeatRequest())
        request = ResetRequest(
            target=CommandTarget(station_id="CS-1"), request=pb_provisioning.ResetRequest(type=RESET_ENUM_IMMEDIATE)
        )
        reset = core.stub(ProvisioningServiceStub).Reset
        answers = await asyncio.gather(*(reset(request) for _ in range(200)))

    assert {answer.response.status for answer in answers} == {RESET_STATUS_ENUM_ACCEPTED}


async def test_tasks_in_the_background_survive_their_own_errors(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each fails once in a way nobody reckoned with; the core serves on, and tells."""
    monkeypatch.setattr("citrine_core.background.FIRST_PAUSE", 0.01)
    await core.add_station("CS-1")
    failed: set[str] = set()

    def failing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        async def fail(*arguments: Any, **named: Any) -> Any:
            if name not in failed:
                failed.add(name)
                raise LookupError(f"a defect of {name}")
            return await real(*arguments, **named)

        return fail

    whole = core.core
    for part, method in (
        (whole.presence, "store_edges"),
        (whole.presence, "store_stations"),
        (whole.feed, "_look"),
        (whole.agenda, "_step"),
        (whole.admission, "_read"),
        (whole.dispatcher, "_run_batch"),
        (whole.health, "probe"),
    ):
        monkeypatch.setattr(part, method, failing(method, getattr(part, method)))
    tasks = {name: asyncio.create_task(survive(name, run)) for name, run in whole._tasks() if name in RESTARTED}
    with core.core.feed.subscription("default", 0):
        async with core.edge() as edge:
            whole.health.failed()
            async with asyncio.timeout(WAIT):
                await whole.health.recovered()
            lost = asyncio.ensure_future(edge.admit("CS-1", PASSWORD))
            while not {"_read", "store_edges", "store_stations", "_look", "_step", "probe"} <= failed:
                await asyncio.sleep(0.01)
            lost.cancel()
            # The grant of the first handshake is what the lane fails at; the edge asks again.
            session = await connected(edge)
            assert "_run_batch" in failed
            assert (await session.call(BOOT)).HasField("current_time")
            assert (await http(core, "/readyz"))[0] == 200
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)

    _, metrics = await http(core, "/metrics")
    for name in ("presence", "events", "agenda", "admission", "lanes", "health"):
        assert f'citrine_core_background_failures_total{{task="{name}"}}' in metrics
    assert sum("goes on" in record.message for record in caplog.records) >= len(failed)


RESTARTED = ("presence",)
"""Tasks that wait for long between two turns, and are begun a second time for the test."""


async def connected(edge: FakeEdge) -> FakeSession:
    """Connect the station once it gets an answer."""
    while True:
        with contextlib.suppress(AssertionError, TimeoutError):
            async with asyncio.timeout(2):
                return await edge.connect("CS-1", PASSWORD)
