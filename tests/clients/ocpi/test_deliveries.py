"""What is sent to partners: the newest of each object, in order, once it can be, and to nobody's delay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from citrine_ocpi.clock import utc_now
from citrine_ocpi.deliveries import Push
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.deliveries.tables import CircuitRow, DeliveryRow
from citrine_ocpi.models import DisplayText
from citrine_ocpi.transport import Party, Routing, Version
from tests.clients.ocpi.modules.test_missed import cdr
from tests.support.emsp import Emsp, emsp
from tests.support.emsp.validation import received_faults
from tests.support.ocpi import RunningAdapter, running_adapter
from tests.support.waiting import WAIT

CPO, PARTY = Party("DE", "CIT"), Party("NL", "TNM")


@pytest.fixture
async def adapter(adapter_url: str, tmp_path: Path) -> AsyncIterator[RunningAdapter]:
    """An adapter on an empty database of each kind in turn."""
    async with running_adapter(
        tmp_path, database=adapter_url, modules=[], ocpi_request_timeout=timedelta(seconds=1)
    ) as running:
        yield running


@pytest.fixture
async def partner(adapter: RunningAdapter) -> AsyncIterator[Emsp]:
    """A partner who is registered, and does not mind that what it gets is no location."""
    async with emsp(validate=anything) as peer:
        await peer.register(adapter.versions_url, await adapter.invite("tnm"))
        yield peer


def anything(version: str, module: str, path: str, value: object, *, partial: bool) -> list[str]:
    """Find nothing wrong with what is no credentials."""
    return received_faults(version, module, path, value) if module == "credentials" else []


def push(text: str, place: str = "DE/CIT/L1", **values: Any) -> Push:
    """Return an object to be sent."""
    return Push(
        **{
            "partner_id": "tnm",
            "module": "locations",
            "object_key": f"locations/{place}",
            "path": place,
            "body": DisplayText(language="en", text=text),
            "routing": Routing(CPO, PARTY),
            **values,
        }
    )


async def send(adapter: RunningAdapter, *pushes: Push) -> None:
    """Store objects to be sent, in one transaction."""
    async with adapter.office.database.writing() as session:
        await adapter.adapter.outbox.add(session, pushes)


async def hurry(adapter: RunningAdapter) -> None:
    """Have all be due now: no test waits for a pause."""
    async with adapter.office.database.writing() as session:
        await session.execute(update(DeliveryRow).where(DeliveryRow.dead_time.is_(None)).values(due_time=utc_now()))
        await session.execute(update(CircuitRow).values(open_time=None))


async def until(found: Callable[[], Awaitable[bool]], adapter: RunningAdapter) -> None:
    """Wait until something is so, in a hurry."""
    async with asyncio.timeout(WAIT):
        while not await found():
            await hurry(adapter)
            await asyncio.sleep(0.05)


async def until_empty(adapter: RunningAdapter) -> None:
    """Wait until nothing waits."""

    async def is_empty() -> bool:
        return await adapter.office.letters.count() == (0, 0)

    await until(is_empty, adapter)


def texts(partner: Emsp, place: str = "DE/CIT/L1") -> list[tuple[str, str]]:
    """Return what a partner got of an object: method and text."""
    return [(one.method, one.body["text"]) for one in partner.received if one.path == place]


async def test_an_object_is_put_and_what_changes_of_it_is_patched(adapter: RunningAdapter, partner: Emsp) -> None:
    await send(adapter, push("one"))
    await until_empty(adapter)

    await send(adapter, push("two", changes={"text": "two"}))
    await until_empty(adapter)

    assert texts(partner) == [("PUT", "one"), ("PATCH", "two")]
    assert partner.objects["locations", "DE/CIT/L1"] == {"language": "en", "text": "two"}
    assert partner.received[0].headers["ocpi-to-party-id"] == "TNM"


async def test_after_a_patch_that_is_refused_the_whole_is_put(adapter: RunningAdapter, partner: Emsp) -> None:
    """The partner does not know the object."""
    await send(adapter, push("two", changes={"text": "two"}))

    await partner.wait_for(lambda peer: len(texts(peer)) == 2)

    assert texts(partner) == [("PATCH", "two"), ("PUT", "two")]


async def test_what_a_process_sent_that_ended_before_the_answer_is_put_as_a_whole(
    adapter: RunningAdapter, partner: Emsp
) -> None:
    """The partner may have got it: what it appends to a list would be there twice."""
    async with adapter.office.database.writing() as session:
        await adapter.adapter.outbox.add(session, [push("two", changes={"text": "two"})])
        await session.execute(update(DeliveryRow).values(lease_time=utc_now() - timedelta(seconds=1)))

    await partner.wait_for(lambda peer: texts(peer))

    assert texts(partner) == [("PUT", "two")]


async def test_of_an_object_the_newest_is_sent_once_a_partner_is_there_again(
    adapter: RunningAdapter, partner: Emsp
) -> None:
    partner.fault = lambda request: Response("gone", 502)
    for number in range(5):
        await send(adapter, push(f"text {number}"), push("other", "DE/CIT/L2"))

    async def has_failed() -> bool:
        return all(row.attempts > 1 for row in await adapter.office.letters.list_some(is_dead=False))

    await until(has_failed, adapter)
    partner.fault = lambda request: None
    await until_empty(adapter)

    assert texts(partner) == [("PUT", "text 4")]
    assert len(partner.objects) == 2


async def test_what_has_one_order_is_sent_one_after_the_other(adapter: RunningAdapter, partner: Emsp) -> None:
    places = [f"DE/CIT/L1/{number}" for number in range(20)]

    await send(adapter, *(push(place, place, order_key="L1") for place in places))
    await partner.wait_for(lambda peer: len(peer.received) == 20)

    assert [one.path for one in partner.received] == places


async def test_a_dead_partner_delays_no_other(adapter: RunningAdapter, partner: Emsp) -> None:
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(emsp(party_id="SLO", validate=anything))
        await slow.register(adapter.versions_url, await adapter.invite("slow"))
        slow.answers.clear()
        await send(adapter, *(push("x", f"DE/CIT/S{number}", partner_id="slow") for number in range(30)))

        for number in range(5):
            await send(adapter, push("x", place := f"DE/CIT/L{number}"))
            async with asyncio.timeout(20):
                await partner.wait_for(partial(texts, place=place))

        assert slow.received == []
        slow.answers.set()


async def test_what_is_due_for_several_partners_is_claimed_together(adapter: RunningAdapter, partner: Emsp) -> None:
    claims: list[int] = []

    def executed(connection: Any, cursor: Any, statement: str, parameters: Any, *others: Any) -> None:
        if statement.startswith("UPDATE deliveries SET") and "CASE" in statement:
            claims.append(len(parameters))

    async with emsp(party_id="TN2", validate=anything) as other:
        await other.register(adapter.versions_url, await adapter.invite("tn2"))
        event.listen(adapter.office.database.engine.sync_engine, "before_cursor_execute", executed)
        await send(
            adapter, *(push("x", f"DE/CIT/L{number}", partner_id=one) for number in range(16) for one in ("tnm", "tn2"))
        )
        await until_empty(adapter)

    assert [len(one.objects) for one in (partner, other)] == [16, 16]
    # The ids of all are in the first statement.
    assert claims[0] >= 32


async def test_what_can_not_be_stored_of_one_partner_is_stored_of_others(
    adapter: RunningAdapter, partner: Emsp
) -> None:
    async def refuse(session: AsyncSession, row: DeliveryRow, location: str) -> None:
        raise ValueError("this one can't be stored")

    adapter.adapter.outbox.acknowledged.append(refuse)
    async with emsp(party_id="TN2", validate=anything) as other:
        await other.register(adapter.versions_url, await adapter.invite("tn2"))
        body = cdr("C-1", PARTY, Version.V2_2_1)
        await send(
            adapter,
            push("", "", module="cdrs", object_key="cdrs/C-1", path="", body=body, method="POST"),
            push("x", "DE/CIT/L1", partner_id="tn2"),
        )
        await partner.wait_for(lambda peer: peer.received)

        async def has_one() -> bool:
            return [row.partner_id for row in await adapter.office.letters.list_some(is_dead=False)] == ["tnm"]

        await until(has_one, adapter)


async def test_what_a_partner_refuses_is_a_dead_letter_that_can_be_sent_anew(
    adapter: RunningAdapter, partner: Emsp
) -> None:
    def refuse(request: Request) -> Response | None:
        return partner._envelope(None, 2001, "I don't like it") if request.method == "PUT" else None

    partner.fault = refuse
    await send(adapter, push("one"))
    letters = adapter.office.letters
    async with asyncio.timeout(WAIT):
        while not (dead := await letters.list_some(is_dead=True)):
            await asyncio.sleep(0.05)
    assert dead[0].problem == "HTTP 200, 2001 I don't like it"

    partner.fault = lambda request: None
    assert await letters.retry([dead[0].delivery_id]) == 1
    adapter.adapter.outbox.filled.set()

    await partner.wait_for(lambda peer: texts(peer))
    await until_empty(adapter)


async def test_what_was_given_up_is_obsolete_once_the_partner_has_a_newer_version(
    adapter: RunningAdapter, partner: Emsp
) -> None:
    partner.fault = lambda request: partner._envelope(None, 2001, "I don't like it")
    await send(adapter, push("one"))
    letters = adapter.office.letters
    async with asyncio.timeout(WAIT):
        while await letters.count() != (0, 1):
            await asyncio.sleep(0.05)

    partner.fault = lambda request: None
    await send(adapter, push("two"))
    await until_empty(adapter)

    assert texts(partner) == [("PUT", "two")]


async def test_a_partner_that_wants_to_be_left_alone_is(adapter: RunningAdapter, partner: Emsp) -> None:
    """Retry-After of one answer counts for all that waits."""
    asked = []

    def busy(request: Request) -> Response:
        asked.append(request.url.path)
        return Response("busy", 429, {"Retry-After": "600"})

    partner.fault = busy
    await send(adapter, push("one"))
    async with asyncio.timeout(WAIT):
        while not asked or any(row.attempts == 0 for row in await adapter.office.letters.list_some(is_dead=False)):
            await asyncio.sleep(0.05)

    await send(adapter, push("two", "DE/CIT/L2"))
    async with adapter.office.database.reading() as session:
        circuit = await session.get(CircuitRow, "tnm")

    assert circuit is not None
    assert circuit.open_time is not None
    assert circuit.open_time > utc_now() + timedelta(seconds=500)
    assert len(asked) == 1


async def test_what_is_posted_is_posted_once(adapter: RunningAdapter, partner: Emsp) -> None:
    def stopped(request: Request) -> Response:
        return Response("", 503)

    partner.fault = stopped
    for _ in range(3):
        await send(adapter, push("one", "", module="locations", object_key="cdrs/1", path="C1", method="POST"))
    partner.fault = lambda request: None
    await until_empty(adapter)

    assert [(one.method, one.path) for one in partner.received] == [("POST", "C1")]


async def test_a_cdr_waits_until_it_is_taken_and_what_is_refused_of_it_stays(
    adapter: RunningAdapter, partner: Emsp
) -> None:
    """However long it takes, and though the endpoint is not there; what else is for the partner is not delayed."""
    statuses = iter([307, 404, 404, 404, 404, 503])
    partner.fault = lambda request: Response("", next(statuses, 400)) if request.method == "POST" else None
    body = cdr("C-1", PARTY, Version.V2_2_1)
    letters, database = adapter.office.letters, adapter.office.database
    async with database.writing() as session:
        pushed = push("", "", module="cdrs", object_key="cdrs/C-1", path="", body=body, method="POST")
        await adapter.adapter.outbox.add(session, [pushed])
        await session.execute(update(DeliveryRow).values(create_time=utc_now() - timedelta(days=365)))

    async def has_tried() -> bool:
        return any(one.attempts >= 5 for one in await letters.list_some(is_dead=False))

    await until(has_tried, adapter)
    async with database.reading() as session:
        circuit = await session.get(CircuitRow, "tnm")
    assert circuit is None or circuit.failures == 0

    async def is_refused() -> bool:
        return await letters.count() == (0, 1)

    await until(is_refused, adapter)
    async with database.writing() as session:
        assert await DeliveryRepository(session).remove_dead_before(utc_now() + timedelta(days=3653)) == 0
    (dead,) = await letters.list_some(is_dead=True)
    assert dead.problem == "HTTP 400"

    partner.fault = lambda request: None
    assert await letters.retry([dead.delivery_id]) == 1
    await until_empty(adapter)
    assert [(one.method, one.body) for one in partner.received] == [("POST", body.wire())]


async def test_nothing_is_sent_to_who_is_suspended(adapter: RunningAdapter, partner: Emsp) -> None:
    await adapter.office.administration.suspend("tnm", is_suspended=True)
    await send(adapter, push("one"))
    async with adapter.office.database.reading() as session:
        assert await DeliveryRepository(session).due_partners(utc_now()) == {}

    await adapter.office.administration.suspend("tnm", is_suspended=False)

    await partner.wait_for(lambda peer: texts(peer))


async def test_two_replicas_send_each_object_once(
    adapter: RunningAdapter, partner: Emsp, adapter_url: str, tmp_path: Path
) -> None:
    async with running_adapter(tmp_path, database=adapter_url, modules=[]) as other:
        pushes = [push(str(number), f"DE/CIT/L{number}") for number in range(60)]
        await asyncio.gather(send(adapter, *pushes[:30]), send(other, *pushes[30:]))
        await partner.wait_for(lambda peer: len(peer.objects) == 60)
        await until_empty(adapter)

    assert len(partner.received) == 60


async def test_more_objects_are_stored_at_once_than_a_statement_takes(adapter: RunningAdapter) -> None:
    """As where many parties are behind a hub."""
    await adapter.invite("hub")
    many = [push("Quay", f"DE/CIT/L1@NL-{number}", partner_id="hub") for number in range(2100)]

    await send(adapter, *many)
    await send(adapter, *many)

    assert await adapter.office.letters.count() == (len(many), 0)


async def test_more_objects_are_claimed_and_stored_as_sent_at_once_than_a_statement_takes(
    adapter: RunningAdapter,
) -> None:
    """As where much is due for very many partners."""
    await adapter.invite("hub")
    await send(adapter, *(push("Quay", f"DE/CIT/L{number}", partner_id="hub") for number in range(2)))
    now = utc_now()
    names = {"partner_id": "hub", "order_key": "none", "object_key": "none", "revision": 0, "lease_time": now}
    others = [DeliveryRow(delivery_id=number, **names) for number in range(1000, 34_000)]

    async with adapter.office.database.writing() as session:
        repository = DeliveryRepository(session)
        ids = [row.delivery_id for row in await repository.list_some("hub", is_dead=False, limit=0)]
        claimed = await repository.claim([*(row.delivery_id for row in others), *ids], now, now + timedelta(minutes=1))
        await repository.lock([*others, *claimed])
        finished = await repository.finish([*others, *claimed])
        await repository.forget_dead([*others, *claimed])

    assert [row.delivery_id for row in claimed] == sorted(finished) == ids
