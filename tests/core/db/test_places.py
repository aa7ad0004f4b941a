"""Places for transactions: limited, and given to tenants in turn."""

import asyncio
from contextvars import ContextVar

import pytest

from citrine_core.db import Places, in_background
from citrine_core.errors import Overloaded

who: ContextVar[str] = ContextVar("who", default="")


def places(most: int = 1, of_tenant: int = 9, *, waiting: int = 100, patience: float = 10.0) -> Places:
    return Places(most, of_tenant, who.get, 1, waiting=waiting, patience=patience)


class Office:
    """Callers of several tenants, who write down when each of them has a place."""

    def __init__(self, found: Places) -> None:
        self.places = found
        self.served: list[str] = []
        self.leave = asyncio.Event()

    def call(self, tenant: str) -> asyncio.Task[None]:
        async def serve() -> None:
            who.set(tenant)
            async with self.places.place():
                self.served.append(tenant)
                await self.leave.wait()

        return asyncio.create_task(serve())


async def until_all_wait() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_transactions_run_at_a_time_than_there_are_places() -> None:
    office = Office(places(2))
    calls = [office.call("a") for _ in range(5)]
    await until_all_wait()
    assert office.served == ["a", "a"]

    office.leave.set()
    await asyncio.gather(*calls)

    assert len(office.served) == 5


async def test_tenants_take_turns() -> None:
    """Who asks for a hundred delays its own calls, and those of another by one."""
    office = Office(places())
    calls = [office.call("many") for _ in range(101)]
    await until_all_wait()
    calls += [office.call("few"), office.call("few"), office.call("other")]
    await until_all_wait()

    office.leave.set()
    await asyncio.gather(*calls)

    assert office.served[:7] == ["many", "many", "few", "other", "many", "few", "many"]


async def test_one_tenant_never_has_all_places() -> None:
    """Whatever its transactions wait for, others get on."""
    office = Office(places(3, of_tenant=2))
    calls = [office.call("many") for _ in range(5)]
    await until_all_wait()
    calls += [office.call("few"), office.call("few")]
    await until_all_wait()
    assert office.served == ["many", "many", "few"]

    office.leave.set()
    await asyncio.gather(*calls)

    assert office.served.count("many") == 5


async def test_one_tenant_that_waits_too_much_is_refused_alone() -> None:
    office = Office(places(waiting=3))
    calls = [office.call("many") for _ in range(5)]
    await until_all_wait()
    other = office.call("few")
    await until_all_wait()

    office.leave.set()
    found = await asyncio.gather(*calls, return_exceptions=True)
    await other

    assert [type(one) for one in found if one is not None] == [Overloaded]
    assert office.served.count("few") == 1


async def test_who_gives_up_takes_no_place() -> None:
    office = Office(places())
    first, second, third = (office.call(name) for name in ("a", "b", "c"))
    await until_all_wait()
    second.cancel()
    office.leave.set()

    await asyncio.gather(first, third)

    assert office.served == ["a", "c"]
    async with office.places.place():
        pass


async def test_a_place_that_became_free_as_its_caller_gave_up_is_for_the_next() -> None:
    office = Office(places())
    first, second = office.call("a"), office.call("b")
    await until_all_wait()
    office.leave.set()
    # The first leaves and hands its place to the second, which is cancelled before it runs.
    first.add_done_callback(lambda _: second.cancel())
    third = office.call("c")

    await asyncio.gather(first, second, third, return_exceptions=True)

    assert "c" in office.served


async def test_who_waits_too_long_is_told_to_try_again() -> None:
    found = places(patience=0.01)
    async with found.place():
        with pytest.raises(Overloaded):
            async with found.place():
                pass

    async with found.place():
        pass


async def test_jobs_have_places_of_their_own() -> None:
    found = places()
    async with found.place():
        with in_background():
            async with found.place():
                pass
