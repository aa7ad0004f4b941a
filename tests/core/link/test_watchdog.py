"""The watchdog: a database that hangs is found within 5 seconds, and nobody else is taken for one."""

import asyncio
import contextlib
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.events.v1.events_pb2 import Event, StationConnected
from citrine_core.clock import utc_now
from citrine_core.db import UnitOfWork, UnitOfWorkFactory, create_engine
from citrine_core.events import OutboxRepository, write_events
from citrine_core.link import Health, Watchdog
from citrine_core.link.watchdog import IDLE_INTERVAL, QUIET_TIME
from tests.support.core import RunningCore, running_core
from tests.support.file_lock import locked
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy, proxied

FOUND_WITHIN = 5.0

BACK_WITHIN = 10.0

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def announce(serving: bool) -> None:
    return


class Watched:
    """A watchdog on a database, and what it asked."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.unit_of_work = UnitOfWorkFactory(engine, write_events)
        self.health = Health(self.unit_of_work, utc_now, announce)
        self.waiting = 0
        self.watchdog = Watchdog(self.unit_of_work, engine.pool, self.health, lambda: self.waiting, utc_now)
        self.statements: list[str] = []
        sqlalchemy_event.listen(engine.sync_engine, "before_cursor_execute", self._on_statement)
        sqlalchemy_event.listen(engine.sync_engine, "commit", lambda _: self.statements.append("COMMIT"))

    def _on_statement(self, connection: object, cursor: object, statement: str, *_: object) -> None:
        self.statements.append(" ".join(statement.split()))

    async def asked(self, seconds: float) -> list[str]:
        """Return what is asked of the database within some seconds."""
        self.statements.clear()
        running = asyncio.create_task(self.watchdog.run())
        await asyncio.sleep(seconds)
        running.cancel()
        await asyncio.wait({running})
        return self.statements


@pytest.fixture
def watched(engine: AsyncEngine) -> Watched:
    return Watched(engine)


async def test_a_whole_probe_goes_the_way_of_a_message_and_leaves_nothing(watched: Watched) -> None:
    await watched.watchdog.refresh()

    inserts = [statement for statement in watched.statements if statement.startswith("INSERT INTO outbox ")]
    assert len(inserts) == 1
    assert watched.statements[-1] == "COMMIT"
    assert watched.health.serving
    async with watched.unit_of_work(read_only=True) as work:
        outbox = OutboxRepository(work.session)
        assert await outbox.head() == 0
        assert await work.session.scalar(text("SELECT count(*) FROM outbox")) == 0
        assert await work.session.scalar(text("SELECT count(*) FROM probe")) == 0


async def test_what_is_known_is_not_asked_again(watched: Watched) -> None:
    await watched.watchdog.refresh()
    watched.statements.clear()
    await watched.watchdog.refresh()
    assert watched.statements == []


async def test_events_that_are_committed_are_sign_enough(watched: Watched) -> None:
    watched.waiting = 1

    async def commit_events() -> None:
        while True:
            async with watched.unit_of_work() as work:
                work.emit(Event(tenant_id="default", station_connected=StationConnected(epoch=1)))
                await work.commit()
            await asyncio.sleep(QUIET_TIME / 4)

    committing = asyncio.create_task(commit_events())
    await asyncio.sleep(0)
    while watched.unit_of_work.last_events < 0:
        await asyncio.sleep(0.01)
    asked = await watched.asked(2 * QUIET_TIME)
    committing.cancel()
    await asyncio.wait({committing})
    assert not [statement for statement in asked if "probe" in statement]


async def test_an_idle_core_commits_seldom(watched: Watched) -> None:
    await watched.watchdog.refresh()
    assert IDLE_INTERVAL >= 10
    assert "COMMIT" not in await watched.asked(2.5 * QUIET_TIME)


async def test_what_is_under_way_without_a_commit_is_reason_to_ask(watched: Watched) -> None:
    await watched.watchdog.refresh()
    watched.waiting = 1
    assert "COMMIT" in await watched.asked(QUIET_TIME + 1.0)


async def test_the_time_for_which_our_own_loop_stands_does_not_count(watched: Watched) -> None:
    checking = asyncio.create_task(watched.watchdog.refresh())
    await asyncio.sleep(0)
    # As in a process that is stopped, or has much to compute.
    time.sleep(3.5)  # noqa: ASYNC251
    await checking
    assert watched.health.serving


async def test_a_long_transaction_of_our_own_is_no_outage(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has one writer: who wants to know whether it commits waits for the one that is at work."""
    monkeypatch.setattr("citrine_core.link.watchdog.PATIENCE", 0.5)

    async def work_on(work: UnitOfWork) -> None:
        while True:
            await work.session.execute(text("SELECT 1"))
            await asyncio.sleep(0.1)

    async with watched.unit_of_work() as work:
        working = asyncio.create_task(work_on(work))
        await watched.watchdog.refresh()
        working.cancel()
        await asyncio.wait({working})
    assert watched.health.serving


async def test_a_writer_of_our_own_that_waits_for_another_process_is_no_sign_of_life(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.link.watchdog.PATIENCE", 0.5)
    engine = create_engine(sqlite_url)
    watched = Watched(engine)

    async def write() -> None:
        async with watched.unit_of_work() as work:
            await work.session.execute(text("DELETE FROM probe"))

    async with locked(sqlite_url):
        writing = asyncio.create_task(write())
        await watched.watchdog.refresh()
        assert not watched.health.serving
    await writing
    await engine.dispose()


async def test_a_session_that_stands_still_where_the_server_does_not_see_it_is_ended(postgres_url: str) -> None:
    """The driver prepares a statement and lets the server wait for its values: that counts as active."""
    standing, engine = create_engine(postgres_url), create_engine(postgres_url)
    try:
        async with standing.connect() as connection:
            raw = await connection.get_raw_connection()
            await connection.execute(text("SELECT pg_advisory_xact_lock(7)"))
            assert raw.driver_connection is not None
            await raw.driver_connection.prepare("SELECT 1")
            watched = Watched(engine)
            running = asyncio.create_task(watched.watchdog.run())
            try:
                async with asyncio.timeout(12), engine.begin() as other:
                    await other.execute(text("SET LOCAL lock_timeout = 0"))
                    await other.execute(text("SELECT pg_advisory_xact_lock(7)"))
            finally:
                running.cancel()
                await asyncio.wait({running})
            await connection.invalidate()
    finally:
        await standing.dispose()
        await engine.dispose()


def status_of(address: str) -> int:
    """Return what /readyz says."""
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=20) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


async def health_of(core: RunningCore) -> int:
    """Return what the health service of gRPC says."""
    return int((await health_pb2_grpc.HealthStub(core.channel).Check(health_pb2.HealthCheckRequest())).status)


@contextlib.contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    """Stop all processes of a PostgreSQL server, as when its machine is suspended."""
    postmaster = psutil.Process(server.pid)
    postmaster.suspend()
    processes = [postmaster, *postmaster.children(recursive=True)]
    try:
        for process in processes:
            process.suspend()
        yield
    finally:
        for process in processes:
            process.resume()


@contextlib.asynccontextmanager
async def hanging(url: str, postgres: PostgresServer) -> AsyncIterator[None]:
    """Have a database of either kind hang."""
    if url.startswith("sqlite"):
        async with locked(url):
            yield
    else:
        with stopped(postgres):
            yield


@contextlib.asynccontextmanager
async def silent(proxy: Proxy) -> AsyncIterator[None]:
    proxy.silence()
    try:
        yield
    finally:
        proxy.heal()


async def assert_a_hanging_database_is_told(
    core: RunningCore, hanging: contextlib.AbstractAsyncContextManager[None]
) -> None:
    """Nothing is under way, and nobody asks: the links, the health service and /readyz say so by themselves."""
    loop = asyncio.get_running_loop()
    async with core.edge() as edge:
        assert edge.welcome.serving
        assert await health_of(core) == SERVING
        async with hanging:
            began = loop.time()
            assert not (await edge.next("serving")).serving
            assert loop.time() - began < FOUND_WITHIN
            assert await health_of(core) == NOT_SERVING
            assert await asyncio.to_thread(status_of, core.http_address) == 503
        began = loop.time()
        assert (await edge.next("serving")).serving
        assert loop.time() - began < BACK_WITHIN
        assert await health_of(core) == SERVING
        assert await asyncio.to_thread(status_of, core.http_address) == 200


async def test_a_postgresql_that_stands_still_is_told(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    async with running_core(postgres_url, tmp_path) as core:
        await assert_a_hanging_database_is_told(core, hanging(postgres_url, postgres))


async def test_a_network_that_drops_everything_is_told(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    async with proxied(f"127.0.0.1:{postgres.port}") as proxy:
        url = postgres_url.replace(f":{postgres.port}/", f":{proxy.port}/")
        async with running_core(url, tmp_path) as core:
            await assert_a_hanging_database_is_told(core, silent(proxy))


async def test_an_sqlite_file_that_another_process_holds_is_told(sqlite_url: str, tmp_path: Path) -> None:
    """It can be read all the time; who writes hangs."""
    async with running_core(sqlite_url, tmp_path) as core:
        await assert_a_hanging_database_is_told(core, locked(sqlite_url))


async def test_who_asks_for_the_health_is_told_also_where_no_edge_is_linked(
    core: RunningCore, database_url: str, postgres: PostgresServer
) -> None:
    """Nothing but the question is a reason to look."""
    assert await health_of(core) == SERVING
    async with hanging(database_url, postgres):
        async with asyncio.timeout(FOUND_WITHIN):
            while await health_of(core) == SERVING:
                await asyncio.sleep(0.1)
            assert await asyncio.to_thread(status_of, core.http_address) == 503
    async with asyncio.timeout(BACK_WITHIN):
        while await health_of(core) == NOT_SERVING:
            await asyncio.sleep(0.1)


async def test_who_watches_the_health_is_told_also_where_no_edge_is_linked(
    core: RunningCore, database_url: str, postgres: PostgresServer
) -> None:
    watch = health_pb2_grpc.HealthStub(core.channel).Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == SERVING
    async with hanging(database_url, postgres):
        async with asyncio.timeout(FOUND_WITHIN):
            assert (await watch.read()).status == NOT_SERVING
    async with asyncio.timeout(BACK_WITHIN):
        assert (await watch.read()).status == SERVING
    watch.cancel()
