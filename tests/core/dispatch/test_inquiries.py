"""What is asked outside before messages come to their lanes."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

import pytest
from google.protobuf.message import Message

from citrine.edge.v1.link_pb2 import Downstream, SessionRef, StationCall
from citrine.ocpp.actions import wrap_request
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.certificates_pb2 import GetCertificateStatusRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.dispatch import Call, Inquiries, Item
from citrine_core.dispatch.inquiries import MOST_OF_ONE, MOST_UNDER_WAY
from citrine_core.dispatch.repository import CallKey
from tests.support.waiting import WAIT

IDS = itertools.count(1)


class Asker:
    """Finds out the id of a token; a test says when, and what fails."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.called = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fails: BaseException | None = None
        self.short = False

    @property
    def messages(self) -> frozenset[type[Message]]:
        return frozenset({AuthorizeRequest})

    def wants(self, tenant_id: str, message: AuthorizeRequest) -> bool:
        return message.id_token.id_token != "known"

    async def ask(self, calls: Sequence[Call[Any]], waited: float) -> Sequence[str]:
        tokens = [call.message.id_token.id_token for call in calls]
        self.asked.append(tokens)
        self.called.set()
        await self.may_answer.wait()
        if self.fails is not None:
            raise self.fails
        return tokens[1:] if self.short else tokens


class Lane:
    """Takes what is submitted."""

    def __init__(self) -> None:
        self.items: asyncio.Queue[Item] = asyncio.Queue()

    def findings(self) -> list[Any]:
        return [self.items.get_nowait().finding for _ in range(self.items.qsize())]


@pytest.fixture
def asker() -> Asker:
    return Asker()


@pytest.fixture
def lane() -> Lane:
    return Lane()


@pytest.fixture
async def inquiries(asker: Asker, lane: Lane) -> AsyncIterator[Inquiries]:
    inquiries = Inquiries([asker], lane.items.put_nowait)
    running = asyncio.create_task(inquiries.run())
    yield inquiries
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def item(token: str | None, tenant_id: str = "default") -> Item:
    return item_of(
        HeartbeatRequest() if token is None else AuthorizeRequest(id_token=IdToken(id_token=token)), tenant_id
    )


def item_of(message: Message, tenant_id: str = "default") -> Item:
    session = SessionRef(tenant_id=tenant_id, station_id="CS-1", epoch=1)
    call = StationCall(id=next(IDS), session=session, message_id="1", request=wrap_request(message))
    return Item(tenant_id, "CS-1", call, lambda downstream: None)


async def drained(inquiries: Inquiries) -> None:
    async with asyncio.timeout(WAIT):
        await inquiries.drained()


async def test_what_nothing_is_asked_about_goes_on_at_once(inquiries: Inquiries, asker: Asker, lane: Lane) -> None:
    inquiries.submit(item(None))
    inquiries.submit(item("known"))

    assert lane.findings() == [None, None]
    assert asker.asked == []


async def test_what_comes_together_is_asked_together_by_tenant(inquiries: Inquiries, asker: Asker, lane: Lane) -> None:
    for token, tenant_id in (("A", "default"), ("B", "acme"), ("C", "default")):
        inquiries.submit(item(token, tenant_id))
    await drained(inquiries)

    assert asker.asked == [["A", "C"], ["B"]]
    assert sorted(lane.findings()) == ["A", "B", "C"]


async def test_while_one_question_waits_the_next_is_asked(inquiries: Inquiries, asker: Asker, lane: Lane) -> None:
    asker.may_answer.clear()
    inquiries.submit(item("A"))
    await asker.called.wait()
    asker.called.clear()
    inquiries.submit(item("B"))
    await asker.called.wait()
    asker.may_answer.set()
    await drained(inquiries)

    assert asker.asked == [["A"], ["B"]]
    assert sorted(lane.findings()) == ["A", "B"]


async def test_a_question_that_fails_is_no_answer(inquiries: Inquiries, asker: Asker, lane: Lane) -> None:
    asker.fails = ValueError("broken")
    inquiries.submit(item("A"))
    await drained(inquiries)
    asker.fails, asker.short = None, True
    inquiries.submit(item("B"))
    await drained(inquiries)

    assert lane.findings() == [None, None]


def again(item: Item, answers: list[Downstream]) -> Item:
    """Return an item of the same call, by another link."""
    call = StationCall(resent=True)
    call.MergeFrom(item.content)
    return Item(item.tenant_id, item.station_id, call, answers.append)


async def test_of_a_call_that_comes_again_is_asked_once_and_the_newer_link_has_its_answer(
    inquiries: Inquiries, asker: Asker, lane: Lane
) -> None:
    answers: list[Downstream] = []
    asker.may_answer.clear()
    first = item("A")
    inquiries.submit(first)
    await asker.called.wait()
    inquiries.submit(again(first, []))
    asker.may_answer.set()
    await drained(inquiries)
    # In its lane, too.
    inquiries.submit(again(first, answers))
    [under_way] = [lane.items.get_nowait() for _ in range(lane.items.qsize())]
    under_way.reply(Downstream())

    assert asker.asked == [["A"]]
    assert under_way is first
    assert answers == [Downstream()]


async def test_a_call_that_was_forgotten_in_an_outage_is_asked_about_again(
    inquiries: Inquiries, asker: Asker, lane: Lane
) -> None:
    first = item("A")
    inquiries.submit(first)
    await drained(inquiries)
    first.forgotten = True
    inquiries.submit(again(first, []))
    await drained(inquiries)

    assert asker.asked == [["A"], ["A"]]
    assert lane.findings() == ["A", "A"]


async def test_what_is_answered_already_is_not_asked_about(asker: Asker, lane: Lane) -> None:
    answered, fresh, resent = item("A"), item("B"), item("C")

    async def find_answered(calls: Collection[CallKey]) -> Collection[CallKey]:
        [one, _] = calls
        return {one}

    inquiries = Inquiries([asker], lane.items.put_nowait, find_answered)
    for one in (again(answered, []), fresh, again(resent, [])):
        one.station_id = f"CS-{one.content.id}"
        inquiries.submit(one)
    running = asyncio.create_task(inquiries.run())
    await drained(inquiries)
    running.cancel()

    assert asker.asked == [["B", "C"]]
    assert lane.findings() == [None, "B", "C"]


async def test_in_an_outage_what_waits_is_forgotten(inquiries: Inquiries, asker: Asker, lane: Lane) -> None:
    """The edges send it again."""
    asker.may_answer.clear()
    inquiries.submit(item("A"))
    await asker.called.wait()
    inquiries.forget()
    asker.may_answer.set()
    await drained(inquiries)

    assert lane.findings() == []


async def test_a_tenant_whose_authorizer_is_slow_holds_up_no_other(lane: Lane) -> None:
    class Slow(Asker):
        async def ask(self, calls: Sequence[Call[Any]], waited: float) -> Sequence[str]:
            if calls[0].tenant_id.startswith("quick"):
                return ["quick"] * len(calls)
            return await super().ask(calls, waited)

    asker = Slow()
    asker.may_answer.clear()
    inquiries = Inquiries([asker], lane.items.put_nowait)
    running = asyncio.create_task(inquiries.run())
    async with asyncio.timeout(WAIT):
        # One after the other, so that each is a question of its own as long as there are places.
        for number in range(200):
            for tenant_id in ("slow 1", "slow 2", "slow 3", "slow 4", "slow 5"):
                inquiries.submit(item(str(number), tenant_id))
            await asyncio.sleep(0)
        for number in range(80):
            inquiries.submit(item(str(number), f"quick {number % 2}"))
        answered = [await lane.items.get() for _ in range(80)]
        assert {one.finding for one in answered} == {"quick"}

        # As many as one tenant may have, and no more than may be in all.
        assert len(asker.asked) == MOST_UNDER_WAY
        asker.may_answer.set()
        await inquiries.drained()
    assert lane.items.qsize() == 5 * 200
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_each_inquirer_has_places_of_its_own(lane: Lane) -> None:
    """One tenant's slow authorizer holds up nothing that another inquirer asks for the same tenant."""

    class OfCertificates(Asker):
        messages = frozenset({GetCertificateStatusRequest})

        def wants(self, tenant_id: str, message: Any) -> bool:
            return True

        async def ask(self, calls: Sequence[Call[Any]], waited: float) -> Sequence[str]:
            return ["good"] * len(calls)

    slow = Asker()
    slow.may_answer.clear()
    inquiries = Inquiries([slow, OfCertificates()], lane.items.put_nowait)
    running = asyncio.create_task(inquiries.run())
    async with asyncio.timeout(WAIT):
        while len(slow.asked) < MOST_OF_ONE:
            inquiries.submit(item(str(len(slow.asked))))
            await asyncio.sleep(0)
        inquiries.submit(item("waits"))
        inquiries.submit(item_of(GetCertificateStatusRequest()))
        assert (await lane.items.get()).finding == "good"
        assert len(slow.asked) == MOST_OF_ONE

        slow.may_answer.set()
        await inquiries.drained()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_one_tenant_has_a_bound_of_its_own(inquiries: Inquiries, asker: Asker, lane: Lane) -> None:
    asker.may_answer.clear()
    for number in range(100):
        inquiries.submit(item(str(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(asker.asked) == MOST_OF_ONE

    asker.may_answer.set()
    await drained(inquiries)
    # What waited goes together.
    assert len(asker.asked) == MOST_OF_ONE + 1
    assert lane.items.qsize() == 100
