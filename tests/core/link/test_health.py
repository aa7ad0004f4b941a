"""Tests of outages: probed with a real write, announced once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from citrine_core.clock import utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable
from citrine_core.link import Health
from citrine_core.link.models import Probe
from tests.support.waiting import WAIT


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


async def test_what_failed_must_work_again(health: Health, announcements: Announcements) -> None:
    """A probe writes one row; a disk that is full may still take that."""
    tried: list[str] = []
    worked = asyncio.Event()

    async def rehearse() -> None:
        tried.append("again")
        if len(tried) < 3:
            raise DatabaseUnavailable
        worked.set()

    health.failed(DatabaseUnavailable(), rehearse)
    async with asyncio.timeout(WAIT):
        await health.recovered()

    assert worked.is_set()
    assert len(tried) == 3


async def test_what_fails_by_itself_holds_up_no_end(health: Health) -> None:
    async def rehearse() -> None:
        raise LookupError("a defect")

    health.failed(None, rehearse)
    async with asyncio.timeout(WAIT):
        await health.recovered()


async def test_each_outage_in_a_row_must_be_over_for_longer(
    health: Health, announcements: Announcements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.link.health.HOLD_TIMES", (0.0, 0.3, 0.6))
    took = []
    for _ in range(4):
        health.failed()
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(WAIT):
            await health.recovered()
        took.append(asyncio.get_running_loop().time() - began)
        await asyncio.sleep(0)

    assert took[0] < 0.3
    assert took[1] >= 0.3
    assert took[2] >= 0.6
    assert took[3] >= 0.6
    assert announcements == [False, True] * 4


async def test_after_a_quiet_time_an_outage_is_the_first_again(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_core.link.health.HOLD_TIMES", (0.0, 1000.0))
    monkeypatch.setattr("citrine_core.link.health.QUIET_TIME", 0.0)
    for _ in range(3):
        health.failed()
        async with asyncio.timeout(WAIT):
            await health.recovered()
        await asyncio.sleep(0)


async def test_a_failure_while_it_must_hold_begins_anew(
    health: Health, announcements: Announcements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.link.health.HOLD_TIMES", (0.5,))
    loop = asyncio.get_running_loop()
    health.failed()
    loop.call_later(0.4, health.failed)
    began = loop.time()
    async with asyncio.timeout(WAIT):
        await health.recovered()

    assert loop.time() - began >= 0.9
    await asyncio.sleep(0)
    assert announcements == [False, True]
