"""Tests of outages: probed with a real write, announced once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from citrine_core.clock import utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.link import Health
from citrine_core.link.models import Probe

WAIT = 10.0


class Announcements(list[bool]):
    """What was announced."""

    async def __call__(self, serving: bool) -> None:
        self.append(serving)


@pytest.fixture
def announcements() -> Announcements:
    return Announcements()


@pytest.fixture
async def health(unit_of_work: UnitOfWorkFactory, announcements: Announcements) -> AsyncIterator[Health]:
    health = Health(unit_of_work, utc_now, announcements)
    running = asyncio.create_task(health.run())
    yield health
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_a_probe_leaves_nothing(health: Health, unit_of_work: UnitOfWorkFactory) -> None:
    assert await health.probe()
    assert await health.probe()

    async with unit_of_work(read_only=True) as work:
        assert not (await work.session.scalars(select(Probe))).all()


async def test_an_outage_is_announced_and_ends_with_a_probe(health: Health, announcements: Announcements) -> None:
    assert health.serving
    health.failed()
    health.failed()
    assert not health.serving

    async with asyncio.timeout(WAIT):
        await health.recovered()
        await asyncio.sleep(0)

    assert health.serving
    assert announcements == [False, True]
