"""What is sent to a hub: a party behind it that is not reached delays no other, and gets all once it is there."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, update
from starlette.requests import Request
from starlette.responses import Response

from citrine_ocpi.clock import utc_now
from citrine_ocpi.deliveries import Push
from citrine_ocpi.deliveries.tables import CircuitRow, DeliveryRow, UnreachedRow
from citrine_ocpi.modules.hub_client_info import HubClientInfoModule
from citrine_ocpi.transport import Party, Routing
from tests.clients.ocpi.modules.test_hub_client_info import info, put, registered
from tests.clients.ocpi.test_deliveries import CPO, anything, hurry, push, send, until, until_empty
from tests.support.emsp import Emsp, emsp
from tests.support.ocpi import RunningAdapter, running_adapter
from tests.support.waiting import WAIT


@pytest.fixture
async def adapter(adapter_url: str, tmp_path: Path) -> AsyncIterator[RunningAdapter]:
    """An adapter on an empty database of each kind in turn."""
    async with running_adapter(tmp_path, database=adapter_url, modules=[partial(HubClientInfoModule, look=60)]) as one:
        yield one


@pytest.fixture
async def hub(adapter: RunningAdapter) -> AsyncIterator[Emsp]:
    """A hub that is registered, with DE-ONE and DE-TWO behind it."""
    async with emsp(party_id="HUB", role="HUB", validate=anything) as peer:
        await registered(adapter, peer)
        for party in ("DE-ONE", "DE-TWO"):
            await put(peer, info(party))
        yield peer


def to(party: str, number: int, module: str = "sessions", order_key: str = "") -> Push:
    """Return an object for a party, to be sent after those before it."""
    place = f"DE/CIT/{party}{number}"
    return push(
        str(number),
        place,
        partner_id="HUB",
        module=module,
        object_key=place,
        routing=Routing(CPO, Party("DE", party)),
        order_key=order_key or party,
    )


def got(hub: Emsp, party: str) -> list[str]:
    """Return what a party got, in its order."""
    return [one.body["text"] for one in hub.received if one.headers["ocpi-to-party-id"] == party]


async def unreached(adapter: RunningAdapter) -> None:
    """Wait until it is stored that a party is left alone for a while."""
    async with asyncio.timeout(WAIT):
        while True:
            async with adapter.office.database.reading() as session:
                if (await session.scalars(select(UnreachedRow).where(UnreachedRow.open_time > utc_now()))).all():
                    return
            await asyncio.sleep(0.02)


async def hurry_all(adapter: RunningAdapter) -> None:
    """Have all be due now, also what is for parties that were not reached."""
    await hurry(adapter)
    async with adapter.office.database.writing() as session:
        await session.execute(update(UnreachedRow).values(open_time=utc_now()))
    adapter.adapter.outbox.filled.set()


async def test_a_party_that_a_hub_does_not_reach_is_tried_later_and_delays_no_other(
    adapter: RunningAdapter, hub: Emsp
) -> None:
    asked: list[str] = []
    answers = [(4001, 404), (4002, 504), (4003, 200)]

    def fault(request: Request) -> Response | None:
        if request.headers.get("ocpi-to-party-id") != "ONE":
            return None
        status, http_status = answers[len(asked) % 3]
        asked.append(request.url.path)
        return hub._envelope(None, status, "not reached", http_status=http_status)

    hub.fault = fault
    # Each of an order of its own, so that they are sent side by side at first.
    await send(adapter, *(to("ONE", number, order_key=str(number)) for number in range(3)))
    await unreached(adapter)
    assert len(asked) == 3
    for number in range(2):
        await hurry_all(adapter)
        await unreached(adapter)
        # One of them finds out whether the party is there.
        assert len(asked) == 4 + number

    await send(adapter, *(to("TWO", number) for number in range(5)))
    await hub.wait_for(lambda one: len(got(one, "TWO")) == 5)
    async with adapter.office.database.reading() as session:
        circuit = await session.get(CircuitRow, "HUB")
    assert circuit is None or circuit.failures == 0

    hub.fault = lambda request: None
    await hurry_all(adapter)
    await until_empty(adapter)
    assert sorted(got(hub, "ONE")) == ["0", "1", "2"]
    async with adapter.office.database.reading() as session:
        assert (await session.scalars(select(UnreachedRow))).all() == []


async def test_what_always_fails_delays_nothing_else_for_a_party_that_was_not_reached(
    adapter: RunningAdapter, hub: Emsp
) -> None:
    answers = {"ONE0": hub._envelope(None, 4003, "not reached"), "ONE1": hub._envelope(None, 4003, "not reached")}
    hub.fault = lambda request: answers.get(request.url.path.rpartition("/")[2])
    await send(adapter, *(to("ONE", number, order_key=str(number)) for number in range(2)))
    await unreached(adapter)

    answers = {"ONE0": Response("", 500)}
    await hurry_all(adapter)

    await hub.wait_for(lambda one: got(one, "ONE") == ["1"])

    async def waits_alone() -> bool:
        return [row.object_key for row in await adapter.office.letters.list_some(is_dead=False)] == ["DE/CIT/ONE0"]

    await until(waits_alone, adapter)


async def test_what_is_for_a_party_that_is_away_waits_in_order_until_it_is_there(
    adapter: RunningAdapter, hub: Emsp
) -> None:
    for number, status in enumerate(("OFFLINE", "SUSPENDED", "PLANNED")):
        await put(hub, info("DE-ONE", status, f"2026-11-30T09:0{number}:00Z"))
        await send(adapter, to("ONE", number))
        await send(adapter, to("TWO", number))
        await hub.wait_for(partial(lambda one, count: len(got(one, "TWO")) == count, count=number + 1))
    async with adapter.office.database.writing() as session:
        # However long it takes.
        await session.execute(update(DeliveryRow).values(create_time=utc_now() - timedelta(days=365)))
    assert {row.attempts for row in await adapter.office.letters.list_some(is_dead=False)} == {0}
    assert got(hub, "ONE") == []

    faults = iter([Response("", 503)])
    hub.fault = lambda request: next(faults, None) if request.headers.get("ocpi-to-party-id") else None
    await put(hub, info("DE-ONE", "CONNECTED", "2026-11-30T10:00:00Z"))

    await until_empty(adapter)
    assert got(hub, "ONE") == ["0", "1", "2"]


async def test_what_waited_for_who_was_suspended_is_not_given_up_at_the_first_failure_after_it(
    adapter: RunningAdapter, hub: Emsp
) -> None:
    administration = adapter.office.administration
    await administration.suspend("HUB", is_suspended=True)
    await send(adapter, to("ONE", 0))
    async with adapter.office.database.writing() as session:
        await session.execute(update(DeliveryRow).values(create_time=utc_now() - timedelta(days=365)))

    faults = iter([Response("", 503)])
    hub.fault = lambda request: next(faults, None)
    await administration.suspend("HUB", is_suspended=False)

    await until_empty(adapter)
    assert got(hub, "ONE") == ["0"]


async def test_who_was_away_for_long_gets_locations_and_tariffs_as_they_are_by_then(
    adapter: RunningAdapter, hub: Emsp
) -> None:
    hub.fault = lambda request: Response("", 503)
    await send(adapter, *(to("ONE", n, name, name) for n, name in enumerate(("locations", "tariffs", "sessions"))))
    async with adapter.office.database.writing() as session:
        await session.execute(update(DeliveryRow).values(create_time=utc_now() - timedelta(days=365)))
    letters = adapter.office.letters

    async def have_failed() -> bool:
        return [row.attempts > 1 for row in await letters.list_some(is_dead=False)] == [True, True]

    await until(have_failed, adapter)

    assert [row.module for row in await letters.list_some(is_dead=True)] == ["sessions"]


async def test_what_an_operator_has_sent_anew_does_not_wait_for_a_party_that_was_not_reached(
    adapter: RunningAdapter, hub: Emsp
) -> None:
    hub.fault = lambda request: hub._envelope(None, 4003, "not reached")
    await send(adapter, to("ONE", 0))
    await unreached(adapter)
    # It would be tried a day later.
    async with adapter.office.database.writing() as session:
        await session.execute(update(UnreachedRow).values(open_time=utc_now() + timedelta(days=1)))

    hub.fault = lambda request: None
    waiting = await adapter.office.letters.list_some(is_dead=False)
    assert await adapter.office.letters.retry([row.delivery_id for row in waiting]) == 1
    adapter.adapter.outbox.filled.set()

    await hub.wait_for(lambda one: got(one, "ONE") == ["0"])
