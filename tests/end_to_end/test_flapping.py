"""A database that comes and goes, and a core that crashes again and again: no station is made to drop a message."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.chaos.run import Outcome, compare
from tests.support.deployment import Deployment, deploy
from tests.support.file_lock import locked
from tests.support.load import Fleet, charging_fleet, register
from tests.support.proxy import Proxy, proxied
from tests.support.waiting import WAIT

pytestmark = pytest.mark.timeout(300)

STATIONS = [f"SIM-{number:02}" for number in range(8)]

HOLD_TIME = "3"
"""Seconds that the edge holds calls: shorter than an outage."""

DOWN, UP = 5, 2
"""Seconds that the database is away, and that it is there in between."""

FLAPS = 3
"""As often as a station sends a message before it drops it."""

LOST = "citrine_core.link.health: the database is not available"

CLOSED = "no core serves: sockets are closed"

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


@contextlib.asynccontextmanager
async def refused(proxy: Proxy) -> AsyncIterator[None]:
    proxy.refuse()
    try:
        yield
    finally:
        proxy.heal()


async def assert_flaps_make_no_station_drop_a_message(
    url: str, directory: Path, away: Callable[[], contextlib.AbstractAsyncContextManager[None]]
) -> None:
    """Served again after the first time at once, and after the next ones only when it stays."""
    async with deploy(url, directory / "citrine", migrated=True, edge_hold_time=HOLD_TIME) as deployment:
        async with deployment.client() as citrine:
            await register(citrine, STATIONS)
        async with charging_fleet(deployment, STATIONS, directory) as fleet:
            await fleet.acknowledged(20)
            async with away():
                await said(deployment, LOST, 1)
                await asyncio.sleep(DOWN)
            await said(deployment, BACK, 1)
            for flap in range(1, FLAPS):
                async with away():
                    if flap == 1:
                        await said(deployment, LOST, 2)
                    await asyncio.sleep(DOWN)
                await asyncio.sleep(UP)
            await fleet.acknowledged(20)
        await assert_nothing_lost_or_dropped(deployment, fleet)
        log, edge_log = deployment.cores[0].log.read_text(), deployment.edges[0].log.read_text()

    # Two times, and not three: the second outage lasts until the database stays.
    assert log.count(LOST) == 2, log
    assert log.count(BACK) == 2, log
    # The edge heard of it, and closed the sockets.
    assert CLOSED in edge_log, edge_log


async def test_a_postgresql_that_comes_and_goes_for_longer_than_calls_are_held(
    postgres_url: str, tmp_path: Path
) -> None:
    url = make_url(postgres_url)
    async with proxied(f"{url.host}:{url.port}") as proxy:
        through = url.set(port=proxy.port).render_as_string(hide_password=False)
        await assert_flaps_make_no_station_drop_a_message(through, tmp_path, partial(refused, proxy))


async def test_an_sqlite_file_that_another_process_locks_again_and_again(sqlite_url: str, tmp_path: Path) -> None:
    await assert_flaps_make_no_station_drop_a_message(sqlite_url, tmp_path, partial(locked, sqlite_url))


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
