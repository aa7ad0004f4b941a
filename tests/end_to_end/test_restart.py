"""The only core restarts under load: its stations wait for their answers, and notice nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from citrine.api.v1.connections_pb2 import ListConnectionsRequest
from tests.support.deployment import Deployment, Process
from tests.support.load import charging_fleet, register

pytestmark = pytest.mark.timeout(180)

STATIONS = [f"SIM-{number:02}" for number in range(20)]

SERVED_AGAIN = 15.0
"""Seconds. On a machine with nothing else to do it is less than two; the hold time is 20."""


async def epochs(deployment: Deployment) -> dict[str, int]:
    """Return the number of each station's session: a station that connects anew gets a higher one."""
    async with deployment.client() as citrine:
        page = await citrine.connections.ListConnections(ListConnectionsRequest(page_size=1000))
    return {one.station_id: one.epoch for one in page.connections}


def crash(core: Process) -> None:
    core.kill()


def stop(core: Process) -> None:
    core.stop()


@pytest.mark.parametrize("end", [crash, stop], ids=["crash", "stop"])
async def test_sockets_stay_open_and_every_message_is_answered(
    deployment: Deployment, tmp_path: Path, end: Callable[[Process], None]
) -> None:
    async with deployment.client() as citrine:
        await register(citrine, STATIONS)
    (core,) = deployment.cores
    async with charging_fleet(deployment, STATIONS, tmp_path, pause=0.2) as fleet:
        await fleet.acknowledged(200)
        before = await epochs(deployment)
        for _ in range(2):
            end(core)
            core.start()
            await core.ready()
            await fleet.acknowledged(100, within=SERVED_AGAIN)
        after = await epochs(deployment)

    said = fleet.summary()
    assert before.keys() == set(STATIONS)
    assert after == before, deployment.problems()
    assert not said.given_up
    assert not said.failed, "an attempt was lost with its socket"
    assert not said.pending
    assert said.acknowledged.keys() == said.queued.keys()
