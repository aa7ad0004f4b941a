"""What is due by time is done by one of the cores: if that one stands still or ends, by another one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from citrine.api.v1.commands_pb2 import CallStationRequest, GetCommandRequest
from citrine.api.v1.common_pb2 import COMMAND_STATE_EXPIRED, COMMAND_STATE_QUEUED, CommandTarget
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from tests.support.deployment import Deployment, deploy

pytestmark = pytest.mark.timeout(240)

MOVED_WITHIN = 45.0
"""Seconds within which another core takes over."""


@pytest.fixture
async def pair(postgres_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """Two cores on PostgreSQL, and a station that never connects."""
    async with deploy(postgres_url, tmp_path / "citrine", cores=2, edges=0, migrated=True) as running:
        async with running.client() as citrine:
            await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="CS-1")))
        yield running


async def a_command_expires(deployment: Deployment, core: int) -> None:
    """Have a command wait for a moment at a core, and wait until its time is over."""
    async with deployment.client(core) as citrine:
        target = CommandTarget(station_id="CS-1", when_online=True)
        target.expire_time.FromDatetime(datetime.now(UTC) + timedelta(seconds=1))
        command = (await citrine.commands.CallStation(CallStationRequest(target=target, action="ClearCache"))).command
        assert command.state == COMMAND_STATE_QUEUED
        async with asyncio.timeout(MOVED_WITHIN):
            while command.state != COMMAND_STATE_EXPIRED:
                await asyncio.sleep(0.2)
                command = await citrine.commands.GetCommand(GetCommandRequest(command_id=command.command_id))


async def test_what_either_core_stores_is_done_while_both_run(pair: Deployment) -> None:
    for core in (0, 1):
        await a_command_expires(pair, core)


async def test_a_core_that_stands_still_is_replaced_whichever_it_is(pair: Deployment) -> None:
    await a_command_expires(pair, 0)
    for frozen, other in ((0, 1), (1, 0)):
        process = psutil.Process(pair.cores[frozen].pid)
        process.suspend()
        try:
            await a_command_expires(pair, other)
        finally:
            process.resume()


async def test_a_core_that_is_killed_is_replaced_and_one_that_stops_at_once(pair: Deployment) -> None:
    pair.cores[0].kill()
    await a_command_expires(pair, 1)
    pair.cores[0].start()
    await pair.cores[0].serving()
    assert pair.cores[1].stop() == 0
    await a_command_expires(pair, 0)
