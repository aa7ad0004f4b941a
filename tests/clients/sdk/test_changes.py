"""Changes are followed by lists that events only wake: each once, none left out, across what fails."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.charge_records_pb2 import ChargeRecord, ListChargeRecordsRequest, ListChargeRecordsResponse
from citrine.api.v1.stations_pb2 import ListStationGroupsRequest
from citrine.api.v1.tokens_pb2 import ListTokensRequest, ListTokensResponse, Token
from citrine.events.v1.events_pb2 import ChargeRecordMade, Event, TokenChanged
from citrine.events.v1.events_service_pb2 import SubscribeRequest, SubscribeResponse
from citrine_sdk import Backoff, Citrine, follow_charge_records
from tests.clients.scripted_core import ScriptedCore

AT_ONCE = Backoff(first=0.0, longest=0.0)


class Stream:
    """Answers Subscribe: a sign of life, and an event whenever the test has one."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._happened = threading.Semaphore(0)
        self._followed = threading.Event()

    async def happen(self) -> None:
        """Have an event, once somebody follows."""
        assert await asyncio.to_thread(self._followed.wait, 20)
        self._happened.release()

    def __call__(self, request: SubscribeRequest, context: grpc.ServicerContext) -> Iterator[SubscribeResponse]:
        yield SubscribeResponse(event=Event(token="7"))
        if not request.kinds:
            return
        self._followed.set()
        context.add_callback(self._happened.release)
        while self._happened.acquire() and context.is_active():
            yield SubscribeResponse(event=self._event)


class Records:
    """Answers ListChargeRecords with revisions 1 to `count`, two a page."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.after: list[int] = []

    def __call__(self, request: ListChargeRecordsRequest, context: grpc.ServicerContext) -> ListChargeRecordsResponse:
        if not request.page_token:
            self.after.append(request.after_change)
        first = int(request.page_token or request.after_change) + 1
        page = range(first, min(first + 2, self.count + 1))
        further = str(page[-1]) if page and page[-1] < self.count else ""
        return ListChargeRecordsResponse(records=[ChargeRecord(change=one) for one in page], next_page_token=further)


def failing_once(answer: Callable[[object, grpc.ServicerContext], object], code: grpc.StatusCode) -> object:
    calls: list[object] = []

    def called(request: object, context: grpc.ServicerContext) -> object:
        calls.append(request)
        if len(calls) == 1:
            context.abort(code, "not now")
        return answer(request, context)

    return called


@pytest.fixture
def stream(core: ScriptedCore) -> Stream:
    event = Event(token="8", station_id="CS-1", charge_record_made=ChargeRecordMade(change=4))
    answer = Stream(event)
    core.on("Subscribe", answer)
    return answer


async def test_records_made_before_and_later_come_once_and_in_order(core: ScriptedCore, stream: Stream) -> None:
    records = Records(4)
    core.on("ListChargeRecords", records)
    async with (
        Citrine(core.address, key="secret") as citrine,
        aclosing(citrine.follow_charge_records(1, backoff=AT_ONCE)) as followed,
    ):
        before = [(await anext(followed)).change for _ in range(3)]
        records.count = 6
        await stream.happen()
        later = [(await anext(followed)).change for _ in range(2)]

    assert (before, later) == ([2, 3, 4], [5, 6])
    assert records.after[0] == 1
    assert core.requests("Subscribe")[-1] == SubscribeRequest(kinds=["charge_record_made"], from_token="7")


async def test_without_events_the_list_is_read_again_after_the_interval(core: ScriptedCore, stream: Stream) -> None:
    records = Records(1)
    core.on("ListChargeRecords", records)
    async with Citrine(core.address, key="secret") as citrine:
        method, subscribe = citrine.charge_records.ListChargeRecords, citrine.events.Subscribe
        async with aclosing(follow_charge_records(method, subscribe, interval=0.05, backoff=AT_ONCE)) as followed:
            await anext(followed)
            records.count = 2

            assert (await anext(followed)).change == 2


async def test_a_list_that_fails_goes_on_where_it_was_and_one_that_is_refused_ends(
    core: ScriptedCore, stream: Stream
) -> None:
    core.on("ListChargeRecords", failing_once(Records(2), grpc.StatusCode.INTERNAL))  # type: ignore[arg-type]
    async with Citrine(core.address, key="secret") as citrine:
        async with aclosing(citrine.follow_charge_records(backoff=AT_ONCE)) as followed:
            assert [(await anext(followed)).change for _ in range(2)] == [1, 2]
        core.on("ListChargeRecords", failing_once(Records(2), grpc.StatusCode.PERMISSION_DENIED))  # type: ignore[arg-type]
        with pytest.raises(grpc.aio.AioRpcError, match="not now"):
            await anext(citrine.follow_charge_records())


async def test_without_leave_to_read_events_there_is_an_error(core: ScriptedCore) -> None:
    core.on("ListChargeRecords", Records(1))
    core.on("Subscribe", failing_once(Records(1), grpc.StatusCode.PERMISSION_DENIED))  # type: ignore[arg-type]
    async with (
        Citrine(core.address, key="secret") as citrine,
        aclosing(citrine.follow_charge_records(backoff=AT_ONCE)) as followed,
    ):
        await anext(followed)
        with pytest.raises(grpc.aio.AioRpcError, match="not now"):
            await anext(followed)


async def test_what_changes_at_the_same_time_comes_once_each(core: ScriptedCore) -> None:
    stream = Stream(Event(token="8", token_changed=TokenChanged()))
    core.on("Subscribe", stream)
    first, second, third = (Token(id_token=name, update_time=Timestamp(seconds=60)) for name in "ABC")
    fourth = Token(id_token="A", update_time=Timestamp(seconds=61))
    stored = [first, second]

    def changed(request: ListTokensRequest, context: grpc.ServicerContext) -> ListTokensResponse:
        since = request.update_time.start.seconds
        return ListTokensResponse(tokens=[one for one in stored if one.update_time.seconds >= since])

    core.on("ListTokens", changed)
    async with Citrine(core.address, key="secret") as citrine:
        request = ListTokensRequest(country_code="NL")
        tokens = citrine.follow_updates(
            citrine.tokens.ListTokens, request, lambda page: page.tokens, ["token_changed"], Timestamp(seconds=5)
        )
        async with aclosing(tokens) as followed:
            before = [await anext(followed) for _ in range(2)]
            stored += [third, fourth]
            await stream.happen()
            later = [await anext(followed) for _ in range(2)]

    assert (before, later) == ([first, second], [third, fourth])
    asked = core.requests("ListTokens")
    assert {one.country_code for one in asked} == {"NL"}
    assert (asked[0].update_time.start.seconds, asked[-1].update_time.start.seconds) == (5, 60)


async def test_a_list_without_times_of_change_is_refused(core: ScriptedCore, stream: Stream) -> None:
    async with Citrine(core.address, key="secret") as citrine:
        request = ListStationGroupsRequest()
        followed = citrine.follow_updates(
            citrine.stations.ListStationGroups,
            request,
            lambda page: page.groups,  # type: ignore[type-var]
            ["station_changed"],
        )
        with pytest.raises(TypeError, match="ListStationGroupsRequest"):
            await anext(followed)
