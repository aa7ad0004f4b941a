"""The scenarios: the floor, transaction events, idle connections, a boot storm, commands."""

import asyncio
import contextlib
import json
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import psutil

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import TriggerMessageRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, SetStationPasswordRequest, Station
from citrine.api.v1.tariffs_pb2 import (
    TARIFF_DIMENSION_CHARGING_TIME,
    TARIFF_DIMENSION_ENERGY,
    AssignTariffRequest,
    CreateTariffRequest,
    PriceComponent,
    Tariff,
    TariffAssignment,
    TariffElement,
    TariffRestrictions,
)
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.ocpp.v2 import remote_control_pb2
from citrine_sdk import Citrine
from citrine_simulator.fleet import Fleet, station_ids
from citrine_simulator.load import BootStormResult, boot_storm, hold_idle
from citrine_simulator.tls import TlsFiles
from tests.bench.measure import Batches, Cost, Measured, Meter, Pids, measured
from tests.bench.profiling import Profiles
from tests.support.deployment import Deployment, Process, deploy
from tests.support.postgres import PostgresServer
from tests.support.raw_station import raw_station

__all__ = [
    "Commands",
    "Idle",
    "Storm",
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

AT_A_TIME = 32
"""Stations that are registered at a time."""


@dataclass
class Sut:
    """A running Citrine under test."""

    deployment: Deployment
    postgres: PostgresServer | None
    profiles: Profiles | None = None
    say: Callable[[str], None] = print
    """Tells what is measured now."""
    passwords: dict[str, str | None] = field(default_factory=dict)
    """Of the stations that are registered; None where one needs none."""
    ca_file: Path | None = None
    """Authority that vouches for the edge; stations connect by TLS. None: without."""
    tls_address: str = ""
    """Where they do."""

    @property
    def pids(self) -> Pids:
        """Return the processes by role."""
        found = {
            "edge": [edge.pid for edge in self.deployment.edges],
            "core": [core.pid for core in self.deployment.cores],
        }
        return found if self.postgres is None else {**found, "database": [self.postgres.pid]}

    def fleet(self, stations: int, version: str = "2.0.1") -> Fleet:
        """Return that many of its stations, which speak this version of OCPP."""
        url = self.deployment.url() if self.ca_file is None else f"wss://{self.tls_address}"
        passwords = dict(list(self.passwords.items())[:stations])
        return Fleet(url, passwords, versions=[version], tls=TlsFiles(self.ca_file))

    def meter(self, name: str) -> Meter:
        """Return what measures a window of this name."""
        return Meter(self.pids, self.profiles, name)

    async def batches(self) -> Batches:
        """Return how many batches its cores have done."""
        urls = [f"http://{(await core.ready())['http']}" for core in self.deployment.cores]
        return await asyncio.to_thread(Batches.of, urls)

    async def register(self, stations: int, *, passwords: bool = True) -> None:
        """Register that many stations, without passwords where log-ins are not what is measured.

        Those that have one are given it by the core, as operators have it.
        """
        async with self.deployment.client() as citrine:
            self.passwords.update(await _register(citrine, stations, passwords))

    async def choose_passwords(self, stations: int) -> None:
        """Give that many stations passwords of our own choice, which the core has to hash slowly."""
        chosen = {station_id: secrets.token_urlsafe(15) for station_id in list(self.passwords)[:stations]}
        limit = asyncio.Semaphore(AT_A_TIME)

        async def choose(citrine: Citrine, station_id: str, password: str) -> None:
            request = SetStationPasswordRequest(station_id=station_id, password=password)
            async with limit:
                await citrine.stations.SetStationPassword(request)

        async with self.deployment.client() as citrine:
            await asyncio.gather(*(choose(citrine, *each) for each in chosen.items()))
        self.passwords.update(chosen)

    async def price(self) -> None:
        """Have transactions cost something from now on, energy and time, at a rate that depends on the time of day."""
        energy = PriceComponent(dimension=TARIFF_DIMENSION_ENERGY, price="0.30", vat="20")
        time_price = PriceComponent(dimension=TARIFF_DIMENSION_CHARGING_TIME, price="1.20", vat="20")
        night = TariffElement(
            price_components=[energy], restrictions=TariffRestrictions(start_time="22:00", end_time="06:00")
        )
        day = TariffElement(price_components=[energy, time_price])
        tariff = Tariff(tariff_id="BENCH", currency="EUR", time_zone="Europe/Vienna", elements=[night, day])
        async with self.deployment.client() as citrine:
            await citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=tariff))
            assignment = TariffAssignment(tariff_id="BENCH")
            await citrine.tariffs.AssignTariff(AssignTariffRequest(assignment=assignment))


@dataclass(frozen=True)
class Storm:
    """A boot storm, and what it cost."""

    result: BootStormResult
    cost: Cost


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
async def running(
    kind: str,
    directory: Path,
    stations: int,
    *,
    cores: int = 1,
    profiles: Profiles | None = None,
    say: Callable[[str], None] = print,
    tls: Mapping[str, str] | None = None,
    **more: Any,
) -> AsyncIterator[Sut]:
    """Run cores and one edge on a database of a kind ("sqlite" or "postgresql") and register stations.

    Args:
        kind: Of the database.
        directory: Of all files.
        stations: How many are registered.
        cores: How many run.
        profiles: Where profiles are written. None: nowhere.
        say: Tells what is measured.
        tls: Settings of the edge by which stations connect by TLS; `csms.pem` in the directory vouches for it. None:
            they connect without.
        more: Other settings of cores and edge.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        database, postgres = f"sqlite+aiosqlite:///{directory / 'citrine.db'}", None
        if kind == "postgresql":
            postgres = PostgresServer(durable=True)
            stack.callback(postgres.remove)
            postgres.start()
            database = postgres.url()
        # New stations are asked for their device models some time after they booted: no part of what is measured.
        settings: dict[str, Any] = {"log_level": "WARNING", "inventory_delay": "1d", **(tls or {}), **more}
        async with deploy(database, directory, cores=cores, **settings) as deployment:
            sut = Sut(deployment, postgres, profiles, say)
            if tls is not None:
                sut.ca_file = directory / "csms.pem"
                sut.tls_address = (await deployment.edges[0].ready())["ocpps"]
            if stations:
                await sut.register(stations)
            yield sut


async def _register(citrine: Citrine, stations: int, with_passwords: bool) -> dict[str, str | None]:
    await citrine.tokens.CreateToken(CreateTokenRequest(token=Token(id_token="C0FFEE01", type="ISO14443")))
    passwords: dict[str, str | None] = {}
    limit = asyncio.Semaphore(AT_A_TIME)

    async def create(station_id: str) -> None:
        station = Station(station_id=station_id, allow_no_password=not with_passwords)
        async with limit:
            created = await citrine.stations.CreateStation(CreateStationRequest(station=station))
        passwords[station_id] = created.generated_password or None

    await asyncio.gather(*(create(station_id) for station_id in station_ids("SIM-", stations)))
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
        return await measured({"floor": [bare.pid]}, fleet, seconds)
    finally:
        bare.terminate()
        await bare.wait()


async def transaction_events(sut: Sut, stations: int, seconds: float, version: str = "2.0.1") -> Measured:
    """Saturate Citrine with TransactionEvents (Updated, three sampled values), which are MeterValues in OCPP 1.6."""
    return await measured(sut.pids, sut.fleet(stations, version), seconds, sut.profiles)


async def restart_core(sut: Sut) -> None:
    """Restart the core, which forgets the logins that it remembers, and wait until the edge has it back."""
    (core,) = sut.deployment.cores
    core.stop()
    core.start()
    await core.ready()
    station_id, password = next(iter(sut.passwords.items()))
    async with raw_station(sut.deployment.url(), station_id, password, patient=True) as station:
        await station.boot()


async def storm(sut: Sut, stations: int) -> Storm:
    """Have stations connect at once, each with password, boot, a status and a heartbeat."""
    meter = sut.meter("boot storm")
    meter.open()
    result = await boot_storm(sut.fleet(stations))
    meter.close()
    return Storm(result, meter.cost)


async def idle(sut: Sut, connections: int) -> Idle:
    """Open connections that boot and then do nothing, and see what the edge grows by."""
    edge = psutil.Process(sut.pids["edge"][0])
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
