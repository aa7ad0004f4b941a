"""Gauges of the database: counted rarely, by one statement each."""

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.database_gauges import INTERVAL, SHARE, DatabaseGauges
from citrine_core.db import UnitOfWorkFactory, create_engine
from citrine_core.events import write_events
from tests.support.blocks import add_station
from tests.support.statements import statements


class Setup:
    """The gauges of a database, by a clock that stands still, or goes on by `step` whenever it is read."""

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self.registry = CollectorRegistry()
        self.time = self.step = 0.0
        self.gauges = DatabaseGauges(unit_of_work, self.registry, self._now)

    def _now(self) -> float:
        self.time += self.step
        return self.time

    async def never_seen(self) -> float | None:
        await self.gauges.refresh()
        return self.registry.get_sample_value("citrine_core_stations", {"state": "never_seen"})


@pytest.fixture
def setup(unit_of_work: UnitOfWorkFactory) -> Setup:
    return Setup(unit_of_work)


def selects(seen: Sequence[tuple[str, object]]) -> int:
    return sum(text.lstrip().upper().startswith("SELECT") for text, _ in seen)


async def test_it_is_counted_by_one_statement_each_and_not_again_for_a_while(
    setup: Setup, unit_of_work: UnitOfWorkFactory, engine: AsyncEngine
) -> None:
    with statements(engine) as seen:
        assert await setup.never_seen() == 0.0
    assert selects(seen) == 4

    await add_station(unit_of_work)
    setup.time = INTERVAL - 1
    with statements(engine) as seen:
        assert await setup.never_seen() == 0.0
    assert selects(seen) == 0
    setup.time = INTERVAL
    assert await setup.never_seen() == 1.0


async def test_who_asks_at_the_same_time_shares_one_count(setup: Setup, engine: AsyncEngine) -> None:
    with statements(engine) as seen:
        await asyncio.gather(*(setup.gauges.refresh() for _ in range(5)))

    assert selects(seen) == 4


async def test_what_takes_long_is_counted_less_often(setup: Setup, unit_of_work: UnitOfWorkFactory) -> None:
    """It takes a second by this clock: a hundred follow until the next."""
    setup.step = 1.0
    await setup.gauges.refresh()
    setup.step, ended = 0.0, setup.time
    await add_station(unit_of_work)

    setup.time = ended + SHARE - 1
    assert await setup.never_seen() == 0.0
    setup.time = ended + SHARE
    assert await setup.never_seen() == 1.0


async def test_a_count_is_given_up_when_the_core_stops(setup: Setup) -> None:
    counting = asyncio.create_task(setup.gauges.refresh())
    await asyncio.sleep(0)

    await setup.gauges.stop()
    await counting

    await setup.gauges.stop()


async def test_what_can_not_be_read_is_missing_rather_than_old(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_engine(sqlite_url)
    setup = Setup(UnitOfWorkFactory(engine, write_events))
    assert await setup.never_seen() == 0.0
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE connections RENAME TO away"))

    setup.time += INTERVAL
    assert await setup.never_seen() is None
    assert [record.levelname for record in caplog.records] == ["ERROR"]

    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO connections"))
    setup.time += INTERVAL
    assert await setup.never_seen() == 0.0
    await engine.dispose()
