"""What an outage of the database leaves in the logs: a few lines that say what and how long, and no traceback."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from citrine.api.v1.stations_pb2 import ListStationsRequest
from citrine_sdk import Citrine
from tests.support.deployment import deploy
from tests.support.load import charging_fleet, register
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.timeout(240)

STATIONS = [f"SIM-{number:02}" for number in range(6)]

OUTAGE = 60.0
"""Seconds: longer than edges hold what stations sent, and than the intervals of nearly all that is done by itself."""


async def call_often(citrine: Citrine, until: asyncio.Event) -> None:
    """Be a caller who does not give up."""
    while not until.is_set():
        await asyncio.gather(
            *(citrine.stations.ListStations(ListStationsRequest(page_size=1)) for _ in range(5)), return_exceptions=True
        )
        await asyncio.sleep(1.0)


async def test_a_stop_of_postgresql_leaves_few_lines(tmp_path: Path) -> None:
    postgres = PostgresServer()
    try:
        postgres.start()
        async with deploy(postgres.url(), tmp_path / "citrine") as deployment:
            (core,), (edge,) = deployment.cores, deployment.edges
            async with deployment.client() as citrine:
                await register(citrine, STATIONS)
                async with charging_fleet(deployment, STATIONS, tmp_path) as fleet:
                    await fleet.acknowledged(20)
                    before = [len(process.log.read_text()) for process in (core, edge)]
                    stopped = asyncio.Event()
                    calls = asyncio.create_task(call_often(citrine, stopped))
                    await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
                    await asyncio.sleep(OUTAGE)
                    await asyncio.to_thread(postgres.start)
                    await core.serving()
                    await fleet.acknowledged(20)
                    stopped.set()
                    await calls
                    log, log_of_edge = (
                        process.log.read_text()[size:] for process, size in zip((core, edge), before, strict=True)
                    )
    finally:
        postgres.remove()

    for said in (log, log_of_edge):
        assert "Traceback" not in said, said
        assert len(said.splitlines()) <= 20, said
    messages = [json.loads(line)["message"] if line.startswith("{") else line for line in log.splitlines()]
    assert sum("the database is not available" in message for message in messages) == 1, log
    assert sum("the database is available again, after" in message for message in messages) == 1, log
