"""Crashes under load: nothing that a station sent is lost or stored twice, and no station gives up on a message."""

import signal
from pathlib import Path

import pytest

from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from tests.support.deployment import Deployment, deploy
from tests.support.load import Fleet, charging_fleet, register, stored_events
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.timeout(300)

STATIONS = [f"SIM-{number:02}" for number in range(12)]


async def assert_nothing_lost_or_doubled(deployment: Deployment, fleet: Fleet) -> None:
    """Compare what the stations queued with what is stored, message by message."""
    async with deployment.client() as citrine:
        stored = await stored_events(citrine, STATIONS)
        active = await citrine.transactions.ListTransactions(ListTransactionsRequest(active_only=True))
        every = await citrine.transactions.ListTransactions(ListTransactionsRequest(page_size=1000))
    said = fleet.summary()

    assert not said.given_up, deployment.problems()
    assert not said.pending, deployment.problems()
    assert {key for key, times in stored.items() if times > 1} == set()
    assert stored.keys() == said.queued.keys(), deployment.problems()
    assert not [t.transaction_id for t in every.transactions if t.has_gap]
    # What was cut off in the middle of a charge stays open; nobody else does.
    assert len(active.transactions) <= len(STATIONS)


async def test_a_core_that_crashes_under_load_loses_nothing(cluster: Deployment, tmp_path: Path) -> None:
    """Kill -9 of each core in turn, twice; the other one takes over, the dead one comes back."""
    async with cluster.client() as citrine:
        await register(citrine, STATIONS)
    async with charging_fleet(cluster, STATIONS, tmp_path) as fleet:
        await fleet.acknowledged(50)
        for core in (*cluster.cores, *cluster.cores):
            core.kill()
            await fleet.acknowledged(50)
            core.start()
            await core.ready()
            await fleet.acknowledged(50)

    await assert_nothing_lost_or_doubled(cluster, fleet)


async def test_the_only_core_crashes_and_comes_back(deployment: Deployment, tmp_path: Path) -> None:
    """Nobody serves for a while: the edge holds what it has, then stations queue as they do offline."""
    async with deployment.client() as citrine:
        await register(citrine, STATIONS)
    (core,) = deployment.cores
    async with charging_fleet(deployment, STATIONS, tmp_path) as fleet:
        await fleet.acknowledged(50)
        for _ in range(2):
            core.kill()
            core.start()
            await core.ready()
            await fleet.acknowledged(50)

    await assert_nothing_lost_or_doubled(deployment, fleet)


async def test_an_edge_that_crashes_under_load_loses_nothing(cluster: Deployment, tmp_path: Path) -> None:
    async with cluster.client() as citrine:
        await register(citrine, STATIONS)
    async with charging_fleet(cluster, STATIONS, tmp_path) as fleet:
        for edge in cluster.edges:
            await fleet.acknowledged(50)
            edge.kill()
            edge.start()
            await edge.ready()
        await fleet.acknowledged(100)

    await assert_nothing_lost_or_doubled(cluster, fleet)


async def test_postgresql_stops_and_starts_under_load(tmp_path: Path) -> None:
    """In order, and as a crash; in between the write probe fails and stations are refused, not answered CALLERROR."""
    postgres = PostgresServer()
    try:
        postgres.start()
        async with deploy(postgres.url(), tmp_path / "citrine", cores=2, edges=2) as cluster:
            async with cluster.client() as citrine:
                await register(citrine, STATIONS)
            async with charging_fleet(cluster, STATIONS, tmp_path) as fleet:
                for crash in (False, True):
                    await fleet.acknowledged(50)
                    postgres.stop(signal.SIGQUIT if crash else signal.SIGINT)
                    postgres.start()
                    await fleet.acknowledged(50)
            await assert_nothing_lost_or_doubled(cluster, fleet)
    finally:
        postgres.remove()


async def test_processes_drain_when_they_are_asked_to_stop(cluster: Deployment, tmp_path: Path) -> None:
    """A rolling restart by SIGTERM: every process ends with code 0, and nothing is lost."""
    async with cluster.client() as citrine:
        await register(citrine, STATIONS)
    codes = []
    async with charging_fleet(cluster, STATIONS, tmp_path) as fleet:
        for process in cluster.processes:
            await fleet.acknowledged(50)
            codes.append(process.stop())
            process.start()
            await process.ready()
        await fleet.acknowledged(50)

    assert codes == [0, 0, 0, 0]
    await assert_nothing_lost_or_doubled(cluster, fleet)
