"""Several workers behind one address act as one edge, and as one core."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.connections_pb2 import ListConnectionsRequest
from citrine.api.v1.provisioning_pb2 import ResetRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.ocpp.v2 import provisioning_pb2
from citrine_process.settings import InvalidSetting
from citrine_process.supervisor import WorkerGroup, supervise
from tests.support.deployment import START_TIMEOUT, Deployment, Process, deploy
from tests.support.quick_commands import quick_citrine
from tests.support.raw_station import RawStation, raw_station

PASSWORD = "correct-horse-battery"

STATIONS = [f"CS-{number}" for number in range(24)]
"""Enough for each worker to get some: which one a station gets is up to the kernel."""


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=START_TIMEOUT) as response:
        return str(response.read().decode())


async def metric(
    process: Process, name: str, expected: Callable[[dict[str, float]], bool] = lambda each: True
) -> dict[str, float]:
    """Return the values of a gauge by worker, once they are as expected."""
    http = (await process.ready())["http"]
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        text = await asyncio.to_thread(read, f"http://{http}/metrics")
        families = {family.name: family for family in text_string_to_metric_families(text)}
        found = {sample.labels.get("worker", ""): sample.value for sample in families[name].samples}
        if expected(found):
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


async def all_linked(edge: Process) -> None:
    """Return when each worker of an edge is linked to both workers of the core."""
    await metric(edge, "citrine_edge_links_serving", lambda each: each == {"1": 2, "2": 2})


def pids(process: Process) -> set[int]:
    """Return the workers of a supervisor."""
    return {child.pid for child in psutil.Process(process.pid).children()}


async def register(workers: Deployment, *station_ids: str) -> None:
    async with workers.client() as citrine:
        for station_id in station_ids:
            station = Station(station_id=station_id)
            await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))


@contextlib.asynccontextmanager
async def connected(workers: Deployment) -> AsyncIterator[dict[str, RawStation]]:
    """Connect all stations."""
    await register(workers, *STATIONS)
    async with contextlib.AsyncExitStack() as stack:
        found = {}
        for station_id in STATIONS:
            found[station_id] = await stack.enter_async_context(raw_station(workers.url(), station_id, PASSWORD))
            await found[station_id].boot()
        yield found


async def alive(station: RawStation) -> bool:
    try:
        return "currentTime" in await station.result("Heartbeat", {})
    except ConnectionClosed:
        return False


async def test_stations_are_spread_over_the_workers_and_commanded_through_the_one_address(
    shared_workers: Deployment,
) -> None:
    workers = shared_workers
    (core,), (edge,) = workers.cores, workers.edges
    await all_linked(edge)
    async with connected(workers) as stations, workers.client() as citrine:
        sockets = await metric(edge, "citrine_edge_sockets")
        request = ResetRequest(
            target=CommandTarget(station_id=STATIONS[0]),
            request=provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_ON_IDLE),
        )
        asked = citrine.provisioning.Reset(request)
        heard = await stations[STATIONS[0]].answer({"status": "Scheduled"})
        answer = (await asked).response.status
        links = await metric(core, "citrine_core_links")

    assert sum(sockets.values()) == len(STATIONS)
    assert min(sockets.values()) > 0
    assert (heard[0], answer) == ("Reset", provisioning_pb2.RESET_STATUS_ENUM_SCHEDULED)
    assert links == {"1": 2, "2": 2}
    assert "worker=1" in core.log.read_text()
    assert "worker=2" in edge.log.read_text()


async def test_a_worker_of_the_edge_that_is_killed_takes_only_its_own_stations_and_comes_back(
    shared_workers: Deployment,
) -> None:
    workers = shared_workers
    (edge,) = workers.edges
    async with connected(workers) as stations:
        before = await metric(edge, "citrine_edge_sockets")
        killed = min(pids(edge))
        os.kill(killed, signal.SIGKILL)
        living = [station_id for station_id in STATIONS if await alive(stations[station_id])]
        assert len(living) in before.values()

        await all_linked(edge)
        async with contextlib.AsyncExitStack() as stack:
            for station_id in set(STATIONS) - set(living):
                again = await stack.enter_async_context(raw_station(workers.url(), station_id, PASSWORD, patient=True))
                assert await alive(again)
            async with workers.client() as citrine:
                listed = await citrine.connections.ListConnections(ListConnectionsRequest(page_size=100))
            assert {one.station_id for one in listed.connections} == set(STATIONS)
            assert [await alive(stations[station_id]) for station_id in living] == [True] * len(living)
    assert killed not in pids(edge)
    assert len(pids(edge)) == 2


async def test_a_worker_of_the_core_that_is_killed_costs_no_station_its_connection(
    shared_workers: Deployment,
) -> None:
    workers = shared_workers
    (core,), (edge,) = workers.cores, workers.edges
    async with connected(workers) as stations:
        restarts = await metric(core, "citrine_core_worker_restarts")
        os.kill(max(pids(core)), signal.SIGKILL)
        assert [await alive(station) for station in stations.values()] == [True] * len(STATIONS)

        await metric(core, "citrine_core_worker_restarts", lambda each: each == {"": restarts[""] + 1})
        await all_linked(edge)
        assert [await alive(station) for station in stations.values()] == [True] * len(STATIONS)
    assert len(pids(core)) == 2


async def test_one_signal_stops_all_of_them_in_order(database_url: str, tmp_path: Path) -> None:
    async with deploy(database_url, tmp_path / "citrine", workers=2, migrated=True) as workers:
        (core,), (edge,) = workers.cores, workers.edges
        children = pids(edge) | pids(core)
        async with connected(workers) as stations:
            for process, number in ((edge, signal.SIGTERM), (core, signal.SIGINT)):
                assert process.popen is not None
                process.popen.send_signal(number)
                assert await asyncio.to_thread(process.wait) == 0
            for station in stations.values():
                await station.websocket.wait_closed()
            closed = [station.websocket.close_code for station in stations.values()]

    assert closed == [1001] * len(STATIONS)
    assert [pid for pid in children if psutil.pid_exists(pid)] == []


def edge_alone(directory: Path) -> Process:
    """Start an edge of two workers, without a core."""
    flags = ["--workers=2", "--ocpp-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0"]
    edge = Process("edge", ["edge", *flags], {}, directory)
    edge.start()
    return edge


async def test_workers_stop_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    edge = edge_alone(tmp_path)
    await edge.ready()
    children = [psutil.Process(pid) for pid in pids(edge)]
    edge.kill()

    assert psutil.wait_procs(children, timeout=START_TIMEOUT)[1] == []
    assert len(children) == 2


def run(*arguments: str, **settings: str) -> tuple[int, str]:
    """Run `citrine` and return its exit code and what it said."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CITRINE_")}
    done = subprocess.run(
        [quick_citrine(), *arguments],
        env={**inherited, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["edge", "--workers=0"], 2, "edge_workers: Input should be greater than", id="none"),
        pytest.param(["core", "--workers=65"], 2, "core_workers: Input should be less than", id="too many"),
        pytest.param(["edge", "--workers=2", "--ocpp-listen=9000"], 2, "'9000' is not host:port", id="no address"),
        pytest.param(["core", "--workers=2", "--blocks=nonsense"], 2, "nonsense", id="what only a worker finds"),
        pytest.param(["core", "--workers=2"], 1, "run: citrine db upgrade", id="a database without a schema"),
    ],
)
def test_what_is_wrong_is_said_once(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    database = f"sqlite+aiosqlite:///{tmp_path / 'none.db'}"
    if "nonsense" in said:
        run("db", "upgrade", CITRINE_DATABASE=database)
    port = {"CITRINE_GRPC_LISTEN": "127.0.0.1:0", "CITRINE_CORE_HTTP_LISTEN": "127.0.0.1:0"}
    found = run(*arguments, CITRINE_DATABASE=database, CITRINE_EDGE_CREDENTIAL="secret", **port)

    lines = [line for line in found[1].splitlines() if line.startswith("citrine ")]
    assert (found[0], len(lines)) == (code, 1), found
    assert said in lines[0]


async def test_workers_are_not_started_where_others_listen(tmp_path: Path) -> None:
    """Also where these others share the port: stations would reach the one or the other."""
    first = edge_alone(tmp_path)
    address = (await first.ready())["ocpp"]
    try:
        code, said = await asyncio.to_thread(run, "edge", "--workers=2", f"--ocpp-listen={address}")
    finally:
        first.stop()

    assert (code, said) == (1, f"citrine edge: cannot listen on {address}: Address already in use\n")


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
def test_workers_need_a_system_that_spreads_connections(platform: str) -> None:
    group = WorkerGroup("edge", "citrine_edge.app", [], 2, {"ocpp": "127.0.0.1:0"}, "127.0.0.1:0", None, 1.0)

    with pytest.raises(InvalidSetting, match="more than one needs Linux"):
        supervise(group, platform)
