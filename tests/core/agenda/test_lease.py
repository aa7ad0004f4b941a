"""A lease: one core at a time acts; one that stands still, ends or crashes loses it."""

from datetime import UTC, datetime, timedelta

import pytest

from citrine_core.agenda import Lease
from citrine_core.agenda.lease import CHECK_TIME, LEASE_TIME, RENEWAL_TIME
from citrine_core.agenda.repository import LeaseRepository
from citrine_core.db import UnitOfWorkFactory

NOW = datetime(2031, 6, 15, 12, 0, tzinfo=UTC)

MOMENT = timedelta(milliseconds=1)


class Cores:
    """Cores on one database, at one time."""

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self.unit_of_work = unit_of_work
        self.now = NOW

    def core(self, core_id: str, name: str = "jobs") -> Lease:
        return Lease(name, core_id, self.unit_of_work, lambda: self.now)

    async def go_on(self, *leases: Lease, until: timedelta) -> None:
        """Have cores ask all the time."""
        end = self.now + until
        while self.now < end:
            self.now += min(RENEWAL_TIME, end - self.now)
            for lease in leases:
                await lease.acts()


@pytest.fixture
def cores(unit_of_work: UnitOfWorkFactory) -> Cores:
    return Cores(unit_of_work)


async def test_the_only_core_acts_at_once_and_goes_on(cores: Cores) -> None:
    one = cores.core("one")

    assert await one.acts()
    await cores.go_on(one, until=10 * LEASE_TIME)
    assert await one.acts()
    assert one.is_valid


async def test_one_of_several_cores_acts(cores: Cores) -> None:
    one, other = cores.core("one"), cores.core("other")
    assert await one.acts()
    await cores.go_on(one, other, until=3 * CHECK_TIME)

    assert [await one.acts(), await other.acts()] == [True, False]


async def test_a_core_that_starts_acts_until_it_sees_that_another_one_does(cores: Cores) -> None:
    """The holder may have crashed: it is known by its lease alone."""
    await cores.core("crashed").acts()
    started = cores.core("started")

    cores.now += MOMENT
    assert await started.acts()
    cores.now += CHECK_TIME
    assert await started.acts()


async def test_a_core_that_stands_still_loses_the_lease_and_knows_it_when_it_goes_on(cores: Cores) -> None:
    frozen, other = cores.core("frozen"), cores.core("other")
    await frozen.acts()
    await cores.go_on(frozen, other, until=3 * CHECK_TIME)

    await cores.go_on(other, until=2 * CHECK_TIME + RENEWAL_TIME)
    assert await other.acts()
    await cores.go_on(other, until=LEASE_TIME)
    assert other.is_valid
    assert not frozen.is_valid
    assert await other.acts()
    await frozen.acts()
    await cores.go_on(frozen, other, until=2 * CHECK_TIME)
    assert [await frozen.acts(), await other.acts()] == [False, True]


async def test_a_core_that_stops_leaves_the_lease_to_the_next_one(cores: Cores) -> None:
    one, other = cores.core("one"), cores.core("other")
    await one.acts()
    await cores.go_on(one, other, until=3 * CHECK_TIME)

    await one.release()
    cores.now += CHECK_TIME
    assert await other.acts()
    assert other.is_valid


async def test_leases_of_other_names_are_others(cores: Cores) -> None:
    one, other = cores.core("one"), cores.core("other", "jobs of a plug-in")
    assert await one.acts()
    cores.now += LEASE_TIME
    assert await other.acts()
    await cores.go_on(one, other, until=3 * CHECK_TIME)
    assert one.is_valid
    assert other.is_valid


async def test_a_lease_that_nobody_renews_is_forgotten(cores: Cores) -> None:
    await cores.core("one").acts()
    async with cores.unit_of_work() as work:
        await LeaseRepository(work.session).remove_before(NOW + LEASE_TIME)
        await work.commit()
    async with cores.unit_of_work(read_only=True) as work:
        assert await LeaseRepository(work.session).find("jobs") is not None
    async with cores.unit_of_work() as work:
        await LeaseRepository(work.session).remove_before(NOW + LEASE_TIME + MOMENT)
        await work.commit()
    async with cores.unit_of_work(read_only=True) as work:
        assert await LeaseRepository(work.session).find("jobs") is None


async def test_asking_often_costs_nothing(cores: Cores) -> None:
    one = cores.core("one")
    await one.acts()
    cores.unit_of_work = None  # type: ignore[assignment]
    one._unit_of_work = None  # type: ignore[assignment]
    assert await one.acts()
