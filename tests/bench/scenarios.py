"""The scenarios: the floor, transaction events, idle connections, a boot storm, commands."""

import asyncio
import contextlib
import json
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psutil

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import TriggerMessageRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.ocpp.v2 import remote_control_pb2
from citrine_sdk import Citrine
from citrine_simulator.fleet import Fleet, station_ids
from citrine_simulator.load import BootStormResult, boot_storm, hold_idle
from tests.bench.measure import Measured, measured
from tests.support.deployment import Deployment, Process, deploy
from tests.support.postgres import PostgresServer
from tests.support.raw_station import raw_station

__all__ = [
    "Commands",
    "Idle",
    "Sut",
    "commands",
    "floor",
    "idle",
    "restart_core",
    "running",
    "storm",
    "transaction_events",
    "version_line",
]


@dataclass(frozen=True)
class Sut:
    """A running Citrine under test, with its stations registered."""

    deployment: Deployment
    passwords: Mapping[str, str]
    """By station."""
    pids: Mapping[str, int]

    def fleet(self, stations: int) -> Fleet:
        """Return that many of its stations."""
        return Fleet(self.deployment.url(), dict(list(self.passwords.items())[:stations]))


@dataclass(frozen=True)
class Idle:
    """Memory of open connections that do nothing."""

    connections: int
    edge_bytes: float
    """Per connection."""


@dataclass(frozen=True)
class Commands:
    """Round trips of commands on an idle system, in milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float


@contextlib.asynccontextmanager
async def running(kind: str, directory: Path, stations: int) -> AsyncIterator[Sut]:
    """Run one core and one edge on a database of a kind ("sqlite" or "postgresql") and register stations."""
    directory.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        database, postgres = f"sqlite+aiosqlite:///{directory / 'citrine.db'}", None
        if kind == "postgresql":
            postgres = PostgresServer(durable=True)
            stack.callback(postgres.remove)
            postgres.start()
            database = postgres.url()
        async with deploy(database, directory, log_level="WARNING") as deployment:
            async with deployment.client() as citrine:
                passwords = await _register(citrine, stations)
            pids = {"edge": deployment.edges[0].pid, "core": deployment.cores[0].pid}
            if postgres is not None:
                pids["database"] = postgres.pid
            yield Sut(deployment, passwords, pids)


async def _register(citrine: Citrine, stations: int) -> dict[str, str]:
    await citrine.tokens.CreateToken(CreateTokenRequest(token=Token(id_token="C0FFEE01", type="ISO14443")))
    passwords = {f"SIM-{number:04}": secrets.token_urlsafe(15) for number in range(1, stations + 1)}
    limit = asyncio.Semaphore(32)

    async def create(station_id: str, password: str) -> None:
        async with limit:
            await citrine.stations.CreateStation(
                CreateStationRequest(station=Station(station_id=station_id), password=password)
            )

    await asyncio.gather(*(create(*item) for item in passwords.items()))
    return passwords


async def floor(directory: Path, stations: int, seconds: float, *options: str) -> Measured:
    """Drive the bare server with the frames that Citrine gets."""
    directory.mkdir(parents=True, exist_ok=True)
    process = Process("floor", [], {}, directory)
    with process.log.open("ab") as log:
        bare = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.bench.floor",
            "--ready-file",
            str(process.ready_file),
            *options,
            stdout=log,
            stderr=log,
        )
    try:
        while not process.ready_file.exists():
            await asyncio.sleep(0.02)
        address = json.loads(process.ready_file.read_text())["ocpp"]
        fleet = Fleet(f"ws://{address}", dict.fromkeys(station_ids("SIM-", stations)))
        return await measured({"floor": bare.pid}, fleet, seconds)
    finally:
        bare.terminate()
        await bare.wait()


async def transaction_events(sut: Sut, stations: int, seconds: float) -> Measured:
    """Saturate Citrine with TransactionEvents (Updated, three sampled values)."""
    return await measured(sut.pids, sut.fleet(stations), seconds)


async def restart_core(sut: Sut) -> None:
    """Restart the core, which forgets the logins that it remembers, and wait until the edge has it back."""
    (core,) = sut.deployment.cores
    core.stop()
    core.start()
    await core.ready()
    station_id, password = next(iter(sut.passwords.items()))
    async with raw_station(sut.deployment.url(), station_id, password, patient=True) as station:
        await station.boot()


async def storm(sut: Sut, stations: int) -> BootStormResult:
    """Have stations connect at once, each with password, boot and a status."""
    return await boot_storm(sut.fleet(stations))


async def idle(sut: Sut, connections: int) -> Idle:
    """Open connections that boot and then do nothing, and see what the edge grows by."""
    edge = psutil.Process(sut.pids["edge"])
    # What the first stations make the edge load is not theirs.
    await _hold(sut.fleet(10), edge)
    before = edge.memory_info().rss
    after = await _hold(sut.fleet(connections), edge)
    return Idle(connections, (after - before) / connections)


async def _hold(fleet: Fleet, edge: psutil.Process) -> int:
    stop, ready = asyncio.Event(), asyncio.Event()
    holding = asyncio.create_task(hold_idle(fleet, stop, ready.set))
    await asyncio.wait((holding, waiting := asyncio.create_task(ready.wait())), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    memory: int = edge.memory_info().rss
    stop.set()
    await holding
    return memory


async def commands(sut: Sut, count: int) -> Commands:
    """Send commands one after the other to one idle station, and time the callers' wait."""
    station_id, password = next(iter(sut.passwords.items()))
    times = []
    async with (
        sut.deployment.client() as citrine,
        raw_station(sut.deployment.url(), station_id, password) as station,
    ):
        await station.boot()
        answering = asyncio.create_task(_answer_all(station))
        request = TriggerMessageRequest(
            target=CommandTarget(station_id=station_id),
            request=remote_control_pb2.TriggerMessageRequest(
                requested_message=remote_control_pb2.MESSAGE_TRIGGER_ENUM_HEARTBEAT
            ),
        )
        for _ in range(count):
            began = time.perf_counter()
            await citrine.remote_control.TriggerMessage(request)
            times.append((time.perf_counter() - began) * 1e3)
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    cuts = statistics.quantiles(times, n=100)
    return Commands(count, cuts[49], cuts[94], cuts[98])


async def _answer_all(station: Any) -> None:
    while True:
        await station.answer({"status": "Accepted"})


def version_line() -> str:
    """Return what measured: the versions that matter."""
    python = ".".join(map(str, sys.version_info[:3]))
    return f"Python {python}, grpcio {grpc.__version__}"
