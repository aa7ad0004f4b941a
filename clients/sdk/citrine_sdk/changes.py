"""Readers of what changes: charge records without a gap, and lists that are asked for by the time of a change."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import aclosing
from typing import Protocol, TypeVar

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import UnaryStreamMultiCallable, UnaryUnaryMultiCallable

from citrine.api.v1.charge_records_pb2 import ChargeRecord, ListChargeRecordsRequest, ListChargeRecordsResponse
from citrine.api.v1.common_pb2 import TimeRange
from citrine.events.v1.events_service_pb2 import SubscribeRequest, SubscribeResponse
from citrine_sdk.backoff import RETRIED, Backoff
from citrine_sdk.events import event_position, follow_events
from citrine_sdk.lists import pages

__all__ = ["INTERVAL", "ChangedItem", "follow_charge_records", "follow_updates"]

INTERVAL = 30.0
"""Seconds after which a list is read again although no event came: not all that is listed has one."""

LARGEST_PAGE = 1000

Subscribe = UnaryStreamMultiCallable[SubscribeRequest, SubscribeResponse]


class ChangedItem(Protocol):
    """What a list by the time of a change has: tokens, locations, stations, remote starts and others."""

    @property
    def update_time(self) -> Timestamp:
        """When it changed last."""

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:
        """Return its bytes."""


ItemT = TypeVar("ItemT")
ChangedT = TypeVar("ChangedT", bound=ChangedItem)
RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


async def follow_charge_records(
    list_records: UnaryUnaryMultiCallable[ListChargeRecordsRequest, ListChargeRecordsResponse],
    subscribe: Subscribe,
    after_change: int = 0,
    *,
    interval: float = INTERVAL,
    backoff: Backoff | None = None,
) -> AsyncGenerator[ChargeRecord, None]:
    """Yield each revision of each charge record once, in the order of `change`, and then each new one for ever.

    Nothing is left out, however long nobody read: revisions are listed, and events only say when to list again. To go
    on in another process, store the `change` of the last handled revision with what was made of it, and pass it as
    `after_change`. Lost connections and stopped cores only delay the next revision.

    Args:
        list_records: `citrine.charge_records.ListChargeRecords`.
        subscribe: `citrine.events.Subscribe`.
        after_change: Begin after this change. 0: with the first one.
        interval: Seconds after which the list is read again in any case.
        backoff: Waiting times between attempts. None: up to 10 seconds.

    Raises:
        grpc.aio.AioRpcError: When the core refuses for good, e.g. PERMISSION_DENIED.
    """
    last = after_change

    async def read() -> AsyncGenerator[ChargeRecord, None]:
        nonlocal last
        request = ListChargeRecordsRequest(after_change=last, page_size=LARGEST_PAGE)
        async for page in pages(list_records, request):
            for record in page.records:
                last = record.change
                yield record

    async with aclosing(_read_again(read, subscribe, ("charge_record_made",), interval, backoff)) as records:
        async for record in records:
            yield record


async def follow_updates(
    method: UnaryUnaryMultiCallable[RequestT, ResponseT],
    request: RequestT,
    items: Callable[[ResponseT], Iterable[ChangedT]],
    subscribe: Subscribe,
    kinds: Collection[str],
    since: Timestamp | None = None,
    *,
    interval: float = INTERVAL,
    backoff: Backoff | None = None,
) -> AsyncGenerator[ChangedT, None]:
    """Yield what a list has, by the time of its last change, and then whatever changes, for ever.

    What was yielded before comes again once it changed. What is removed does not come: its event says so. To go on in
    another process, store the `update_time` of the last handled item, and pass it as `since`; items of exactly that
    time come again.

    Args:
        method: A list method whose request has `update_time`, e.g. `citrine.tokens.ListTokens`.
        request: Its request. It is not modified, and its `update_time` is not used.
        items: Returns the items of a page: `lambda page: page.tokens`.
        subscribe: `citrine.events.Subscribe`.
        kinds: Events that say that something changed, e.g. "token_changed".
        since: Only what changed then or later. None: all.
        interval: Seconds after which the list is read again in any case.
        backoff: Waiting times between attempts. None: up to 10 seconds.

    Raises:
        TypeError: When the request has no `update_time`.
        grpc.aio.AioRpcError: When the core refuses for good, e.g. PERMISSION_DENIED.
    """
    last = Timestamp()
    if since is not None:
        last.CopyFrom(since)
    # Items of the last time, in bytes: they come again with each reading.
    same_time: set[bytes] = set()

    async def read() -> AsyncGenerator[ChangedT, None]:
        nonlocal same_time
        async for page in pages(method, _changed_since(request, last)):
            for item in items(page):
                if item.update_time != last:
                    last.CopyFrom(item.update_time)
                    same_time = set()
                content = item.SerializeToString(deterministic=True)
                if content not in same_time:
                    same_time.add(content)
                    yield item

    async with aclosing(_read_again(read, subscribe, kinds, interval, backoff)) as changed:
        async for item in changed:
            yield item


def _changed_since(request: RequestT, since: Timestamp) -> RequestT:
    asked = type(request)()
    asked.CopyFrom(request)
    span = getattr(asked, "update_time", None)
    if not isinstance(span, TimeRange):
        raise TypeError(f"{asked.DESCRIPTOR.name} is not the request of a list by the time of a change")
    span.CopyFrom(TimeRange(start=since))
    return asked


async def _read_again(
    read: Callable[[], AsyncGenerator[ItemT, None]],
    subscribe: Subscribe,
    kinds: Collection[str],
    interval: float,
    backoff: Backoff | None,
) -> AsyncGenerator[ItemT, None]:
    """Yield what there is to read, again after each event and each interval; each reading goes on where one ended."""
    wait = backoff or Backoff()
    happened = asyncio.Event()
    watching = asyncio.create_task(_watch(subscribe, kinds, happened, wait))
    failures = 0
    try:
        while True:
            happened.clear()
            try:
                async with aclosing(read()) as found:
                    async for item in found:
                        yield item
                failures = 0
            except grpc.aio.AioRpcError as error:
                if error.code() not in RETRIED:
                    raise
                failures += 1
                await wait.sleep(wait.seconds(failures))
                continue
            woken = asyncio.create_task(happened.wait())
            try:
                await asyncio.wait([watching, woken], timeout=interval, return_when=asyncio.FIRST_COMPLETED)
            finally:
                woken.cancel()
            if watching.done():
                # It ends only by an error.
                await watching
    finally:
        watching.cancel()


async def _watch(subscribe: Subscribe, kinds: Collection[str], happened: asyncio.Event, backoff: Backoff) -> None:
    failures = 0
    while True:
        try:
            token = await event_position(subscribe)
            # What happened before that may have been listed or not.
            happened.set()
            async for _ in follow_events(subscribe, kinds=kinds, from_token=token, backoff=backoff):
                happened.set()
        except grpc.aio.AioRpcError as error:
            # Events that are no longer retained are not needed: all that they are about is listed.
            if error.code() not in RETRIED | {grpc.StatusCode.OUT_OF_RANGE}:
                raise
        failures += 1
        await backoff.sleep(backoff.seconds(failures))
