"""Cores and edges that stand still or are gone, without a word: who depends on them is served by others, soon."""

import asyncio
import os
import signal
import urllib.request
from contextlib import AsyncExitStack

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2 import ResetRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.ocpp.v2 import provisioning_pb2
from tests.support.deployment import Deployment, Process
from tests.support.raw_station import raw_station
from tests.support.waiting import WAIT

pytestmark = pytest.mark.timeout(180)

PASSWORD = "correct-horse-battery"

SOON = 10.0
"""Seconds in which the others go on."""


async def register(cluster: Deployment, *station_ids: str) -> None:
    async with cluster.client() as citrine:
        for station_id in station_ids:
            station = Station(station_id=station_id)
            await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))


async def linked(edge: Process, count: int) -> None:
    """Wait until an edge has so many links to cores that serve."""
    url = f"http://{(await edge.ready())['http']}/metrics"
    async with asyncio.timeout(WAIT):
        while f"citrine_edge_links_serving {count}.0" not in await asyncio.to_thread(page, url):
            await asyncio.sleep(0.05)


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        text: bytes = response.read()
    return text.decode()


async def test_stations_of_a_core_that_stands_still_are_served_by_another(cluster: Deployment) -> None:
    """And by it again, when it goes on."""
    station_ids = [f"CS-{number}" for number in range(6)]
    await register(cluster, *station_ids)
    async with AsyncExitStack() as stack:
        opening = [raw_station(cluster.url(number % 2), name, PASSWORD) for number, name in enumerate(station_ids)]
        stations = [await stack.enter_async_context(each) for each in opening]
        for station in stations:
            await station.boot()
        for core in cluster.cores:
            os.kill(core.pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(SOON):
                    answers = await asyncio.gather(*(station.result("Heartbeat", {}) for station in stations))
            finally:
                os.kill(core.pid, signal.SIGCONT)

            assert all("currentTime" in answer for answer in answers)
            for edge in cluster.edges:
                await linked(edge, 2)


async def test_a_killed_edge_takes_no_caller_with_it(cluster: Deployment) -> None:
    """The caller waited 32 seconds, and was told that the station did not answer."""
    await register(cluster, "CS-1")
    target = CommandTarget(station_id="CS-1", timeout=Duration(seconds=60))
    request = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_ON_IDLE)
    async with cluster.client() as citrine, raw_station(cluster.url(0), "CS-1", PASSWORD) as station:
        await station.boot()
        call = asyncio.ensure_future(citrine.provisioning.Reset(ResetRequest(target=target, request=request)))
        assert (await station.receive())[2] == "Reset"
        cluster.edges[0].kill()

        with pytest.raises(grpc.aio.AioRpcError) as failure:
            async with asyncio.timeout(SOON):
                await call

    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "may have arrived" in (failure.value.details() or "")
