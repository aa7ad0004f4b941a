"""A core that stands still, or whose network does, stops nobody else; and nothing is lost or doubled by it."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine_core.db import create_engine
from tests.chaos.run import Outcome, compare
from tests.support.deployment import Deployment, Process, deploy
from tests.support.load import Fleet, charging_fleet, register
from tests.support.postgres import PostgresServer
from tests.support.proxy import proxied
from tests.support.waiting import PAUSE, WAIT

pytestmark = pytest.mark.timeout(300)

STATIONS = [f"SIM-{number:02}" for number in range(12)]

GO_ON_WITHIN = 10.0
"""Seconds after which the others go on."""

PREFIX = 0x6F62
"""The highest bits of the keys of the locks that writers of events hold."""


@contextlib.contextmanager
def frozen(core: Process) -> Iterator[None]:
    """Stop a core, as a machine that is suspended or swaps does."""
    psutil.Process(core.pid).suspend()
    try:
        yield
    finally:
        psutil.Process(core.pid).resume()


async def assert_nothing_lost_or_doubled(deployment: Deployment, fleet: Fleet) -> None:
    outcome = Outcome()
    await compare(deployment, fleet, outcome)
    assert outcome.is_sound, f"{outcome}\n{deployment.problems()}"


@pytest.fixture
async def pair(postgres_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """Two cores and an edge on PostgreSQL, with stations registered."""
    async with deploy(postgres_url, tmp_path / "citrine", cores=2, migrated=True) as running:
        async with running.client() as citrine:
            await register(citrine, STATIONS)
        yield running


async def who_writes_events(engine: AsyncEngine, cores: list[Process]) -> Process:
    """Wait until a core stands in its outbox transaction, and return it."""
    query = text(
        "SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
        f"AND classid::bigint >> 16 = {PREFIX} AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(WAIT), engine.connect() as connection:
        while True:
            ports = set(await connection.scalars(query))
            # Activity is as of the transaction's first look.
            await connection.rollback()
            for core in cores:
                if ports & {one.laddr.port for one in psutil.Process(core.pid).net_connections()}:
                    return core
            await asyncio.sleep(PAUSE)


async def test_a_core_that_stands_still_in_its_outbox_transaction(
    pair: Deployment, postgres_url: str, tmp_path: Path
) -> None:
    """Others write and answer at once; subscribers wait for no longer than its session lasts."""
    engine = create_engine(postgres_url)
    async with charging_fleet(pair, STATIONS, tmp_path) as fleet:
        await fleet.acknowledged(20)
        # Writers get their bound, and wait at their first event: the statement asks for the partition behind it.
        async with engine.begin() as gate:
            partitions = "SELECT CAST(inhrelid::regclass AS text) FROM pg_inherits WHERE inhparent = 'outbox'::regclass"
            for partition in (await gate.scalars(text(partitions))).all():
                await gate.execute(text(f"LOCK TABLE {partition} IN SHARE MODE"))
            core = await who_writes_events(engine, pair.cores)
            psutil.Process(core.pid).suspend()
        with frozen(core):
            other = 1 - pair.cores.index(core)
            async with asyncio.timeout(GO_ON_WITHIN), pair.client(other) as citrine:
                stream = citrine.events.Subscribe(SubscribeRequest(station_ids=["NEW"]))
                await stream.read()
                async with asyncio.timeout(3):
                    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="NEW")))
                seen: Any = None
                while seen is None or seen.event.station_id != "NEW":
                    seen = await stream.read()
                stream.cancel()
            await pair.cores[other].serving()
            await fleet.all_acknowledged(GO_ON_WITHIN)
        await fleet.all_acknowledged(30)

    await assert_nothing_lost_or_doubled(pair, fleet)
    await engine.dispose()


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_core_that_stands_still_at_any_moment(pair: Deployment, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with charging_fleet(pair, STATIONS, tmp_path) as fleet:
        await fleet.acknowledged(20)
        for core in chance.sample(pair.cores, 2):
            await asyncio.sleep(chance.random())
            with frozen(core):
                await fleet.all_acknowledged(GO_ON_WITHIN)
            await fleet.acknowledged(20)
            await core.serving()

    await assert_nothing_lost_or_doubled(pair, fleet)


async def test_a_core_whose_database_goes_silent(
    pair: Deployment, postgres: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    """A network that drops packets, between one core and PostgreSQL; then it is as it was."""
    core = pair.cores[0]
    async with proxied(f"127.0.0.1:{postgres.port}") as proxy:
        assert core.stop() == 0
        core.settings["CITRINE_DATABASE"] = postgres_url.replace(f":{postgres.port}/", f":{proxy.port}/")
        core.start()
        await core.serving()
        async with charging_fleet(pair, STATIONS, tmp_path) as fleet:
            await fleet.acknowledged(40)
            proxy.silence()
            await fleet.all_acknowledged(GO_ON_WITHIN)
            proxy.heal()
            await core.serving()
            await fleet.all_acknowledged(30)
        await assert_nothing_lost_or_doubled(pair, fleet)
        assert core.stop() == 0
