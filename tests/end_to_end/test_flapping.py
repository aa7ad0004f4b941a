"""A database that comes and goes, and a core that crashes again and again: no station is made to drop a message."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.chaos.run import Outcome, compare
from tests.support.deployment import Deployment, deploy
from tests.support.load import Fleet, charging_fleet, register
from tests.support.proxy import proxied
from tests.support.waiting import WAIT

pytestmark = pytest.mark.timeout(300)

STATIONS = [f"SIM-{number:02}" for number in range(8)]

HOLD_TIME = "8"
"""Seconds that the edge holds calls: longer than each outage, and shorter than all of them together."""


LOST = "citrine_core.link.health: the database is not available"

BACK = "citrine_core.link.health: the database is available again"


async def said(deployment: Deployment, line: str, times: int) -> None:
    """Wait until the core has logged a line that many times."""
    (core,) = deployment.cores
    async with asyncio.timeout(WAIT):
        while core.log.read_text().count(line) < times:
            await asyncio.sleep(0.05)


async def assert_nothing_lost_or_dropped(deployment: Deployment, fleet: Fleet) -> None:
    outcome = Outcome()
    await compare(deployment, fleet, outcome)
    assert outcome.is_sound, f"{outcome}\n{deployment.problems()}"
    assert not fleet.summary().given_up


async def test_a_database_that_comes_and_goes(postgres_url: str, tmp_path: Path) -> None:
    """Served again after the first time at once, and after the next ones only when it stays."""
    url = make_url(postgres_url)
    async with proxied(f"{url.host}:{url.port}") as proxy:
        through = url.set(port=proxy.port).render_as_string(hide_password=False)
        async with deploy(through, tmp_path / "citrine", migrated=True, edge_hold_time=HOLD_TIME) as deployment:
            async with deployment.client() as citrine:
                await register(citrine, STATIONS)
            async with charging_fleet(deployment, STATIONS, tmp_path) as fleet:
                await fleet.acknowledged(20)
                proxy.refuse()
                await said(deployment, LOST, 1)
                proxy.heal()
                await said(deployment, BACK, 1)
                proxy.refuse()
                await said(deployment, LOST, 2)
                for _ in range(2):
                    proxy.heal()
                    await asyncio.sleep(2)
                    proxy.refuse()
                    await asyncio.sleep(4)
                proxy.heal()
                await fleet.acknowledged(20)
            await assert_nothing_lost_or_dropped(deployment, fleet)
            log = deployment.cores[0].log.read_text()

    # Two times, and not four: the second outage lasts until the database stays.
    assert log.count(LOST) == 2, log
    assert log.count(BACK) == 2, log


async def test_a_core_that_crashes_every_few_seconds(sqlite_url: str, tmp_path: Path) -> None:
    async with deploy(sqlite_url, tmp_path / "citrine", migrated=True, edge_hold_time="20") as deployment:
        async with deployment.client() as citrine:
            await register(citrine, STATIONS)
        (core,) = deployment.cores
        async with charging_fleet(deployment, STATIONS, tmp_path) as fleet:
            await fleet.acknowledged(20)
            for _ in range(3):
                core.kill()
                core.start()
                await core.ready()
                await asyncio.sleep(2)
            await fleet.acknowledged(20)
        await assert_nothing_lost_or_dropped(deployment, fleet)
