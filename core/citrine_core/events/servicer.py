"""EventsService: streams of committed events, and of frames of stations."""

import time
from collections.abc import AsyncIterator, Collection, Sequence

import grpc
from sqlalchemy import Row

from citrine.events.v1 import events_service_pb2 as pb
from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2_grpc import EventsServiceServicer
from citrine_core.blocks.provisioning.queries import find_write_only
from citrine_core.errors import InvalidArgument, NotFound, OutOfRange
from citrine_core.events.feed import EventFeed
from citrine_core.events.frame_sources import FrameSources
from citrine_core.events.frames import FrameHub
from citrine_core.events.models import OutboxEvent
from citrine_core.events.older import read_event
from citrine_core.events.repository import OutboxRepository
from citrine_core.events.samples import count_readable, put_samples
from citrine_core.resources.commands.secrets import Name, masked_frame
from citrine_core.resources.stations.repository import StationRepository
from citrine_core.rpc import caller, open_page
from citrine_core.services import Services

__all__ = ["EventsServicer"]

SILENCE = 15.0
"""Seconds without an event after which a sign of life is sent."""

PAGE = 500
"""Events read at a time, after the client has read the ones before."""

MOST_PASSED = 5_000
"""Events of other stations and kinds that one page of a list passes over: no index has them apart, as each would cost
whatever is written."""

MAX_STATIONS = 1000
"""Stations that one request may name."""

MAX_WATCHED = 100
"""Stations that one call may watch."""

OLDEST = "0"
"""Token of the position before the oldest retained event."""

SAMPLES = "metervalues:read"
"""Scope that a subscription with meter values needs besides."""

KINDS = frozenset(field.name for field in Event.DESCRIPTOR.oneofs_by_name["body"].fields)
"""Names of the bodies of events."""

SubscribeContext = grpc.aio.ServicerContext[pb.SubscribeRequest, pb.SubscribeResponse]
ListContext = grpc.aio.ServicerContext[pb.ListEventsRequest, pb.ListEventsResponse]
WatchContext = grpc.aio.ServicerContext[pb.WatchMessagesRequest, pb.WatchMessagesResponse]


class EventsServicer(EventsServiceServicer):
    """Streams of events and frames.

    Args:
        services: What the composition root hands out.
        feed: Wakes subscribers.
        frames: Makes the edges report frames.
        silence: Seconds without an event after which a sign of life is sent.
    """

    def __init__(self, services: Services, feed: EventFeed, frames: FrameHub, silence: float = SILENCE) -> None:
        self._unit_of_work = services.unit_of_work
        self._feed = feed
        self._frames = frames
        self._silence = silence

    async def Subscribe(
        self, request: pb.SubscribeRequest, context: SubscribeContext
    ) -> AsyncIterator[pb.SubscribeResponse]:
        who = caller(context)
        tenant_id = who.tenant_id
        _check(request)
        if request.include_samples:
            who.check_scope(SAMPLES)
        position, head = await self._start(request.from_token)
        with self._feed.subscription(tenant_id, head) as subscription:
            yield _sign_of_life(position)
            sent = time.monotonic()
            while True:
                through = subscription.head
                while position < through:
                    events, position = await self._read(tenant_id, request, position, through)
                    for event in events:
                        yield pb.SubscribeResponse(event=event)
                        sent = time.monotonic()
                left = sent + self._silence - time.monotonic()
                if left <= 0:
                    yield _sign_of_life(position)
                    sent, left = time.monotonic(), self._silence
                await subscription.wait(left)

    async def ListEvents(self, request: pb.ListEventsRequest, context: ListContext) -> pb.ListEventsResponse:
        tenant_id = caller(context).tenant_id
        _check(request)
        page = open_page(request)
        after = page.key(OutboxEvent.id)
        async with self._unit_of_work(read_only=True) as work:
            outbox = OutboxRepository(work.session)
            through = await outbox.head() if after is None else max(after[0], 1) - 1
            part = await outbox.newest(
                tenant_id,
                through=through,
                station_ids=request.station_ids,
                kinds=request.kinds,
                most=MOST_PASSED,
                limit=page.size + 1,
            )
        rows, token = page.close(part.events, lambda row: (row[0],))
        return pb.ListEventsResponse(
            events=map(_event, rows),
            next_page_token=token or ("" if part.is_all else page.token((part.last,))),
        )

    async def WatchMessages(
        self, request: pb.WatchMessagesRequest, context: WatchContext
    ) -> AsyncIterator[pb.WatchMessagesResponse]:
        tenant_id = caller(context).tenant_id
        station_ids = list(dict.fromkeys(request.station_ids))
        if not 1 <= len(station_ids) <= MAX_WATCHED:
            raise InvalidArgument("station_ids", f"must be 1 to {MAX_WATCHED} stations")
        write_only = await self._check_stations(tenant_id, station_ids)
        with self._frames.watch(tenant_id, station_ids) as watch:
            await self._frames.confirmed(watch)
            yield pb.WatchMessagesResponse()
            sources = FrameSources(self._unit_of_work, tenant_id, self._frames.foreign)
            async for edge_id, frame in watch.frames():
                if not await sources.holds(edge_id, frame):
                    continue
                yield pb.WatchMessagesResponse(
                    station_id=frame.session.station_id,
                    epoch=frame.session.epoch,
                    from_station=frame.from_station,
                    frame=masked_frame(frame.frame, write_only[frame.session.station_id]),
                    time=frame.time,
                )

    async def _check_stations(self, tenant_id: str, station_ids: Sequence[str]) -> dict[str, set[Name]]:
        """Return the variables of stations whose values are shown to nobody.

        Raises:
            NotFound: When there is none of an id.
        """
        async with self._unit_of_work(read_only=True) as work:
            known = await StationRepository(work.session).ids_among(tenant_id, station_ids)
            for station_id in station_ids:
                if station_id not in known:
                    raise NotFound("station", station_id)
            return {one: await find_write_only(work.session, tenant_id, one) for one in station_ids}

    async def _start(self, token: str) -> tuple[int, int]:
        """Return after which id to begin, and the id of the latest event."""
        async with self._unit_of_work(read_only=True) as work:
            outbox = OutboxRepository(work.session)
            head = await outbox.head()
            pruned_through = await outbox.pruned_through()
            # The horizon may be lower now than one that was seen before.
            is_token = _is_number(token) and await outbox.is_given(int(token))
        if not token:
            return head, head
        if token == OLDEST:
            return pruned_through, head
        # A token above every id is of another database.
        if not is_token:
            raise InvalidArgument("from_token", "is not the position of an event")
        if int(token) < pruned_through:
            raise OutOfRange("the events after this position are no longer retained")
        return int(token), head

    async def _read(
        self, tenant_id: str, request: pb.SubscribeRequest, position: int, through: int
    ) -> tuple[Collection[Event], int]:
        """Return the next events, and the id through which they were all read."""
        async with self._unit_of_work(read_only=True) as work:
            outbox = OutboxRepository(work.session)
            rows = await outbox.list(
                tenant_id,
                after=position,
                through=through,
                station_ids=request.station_ids,
                kinds=request.kinds,
                limit=PAGE,
            )
            # Checked after the events were read, because they may have been pruned before that.
            if await outbox.pruned_through() > position:
                raise OutOfRange("the events that come next are no longer retained")
        events = [*map(_event, rows)]
        through = rows[-1][0] if len(rows) == PAGE else through
        if request.include_samples and events:
            if (count := count_readable(events)) < len(events):
                events, through = events[:count], rows[count - 1][0]
            async with self._unit_of_work(read_only=True) as work:
                await put_samples(work.session, tenant_id, events)
        return events, through


def _event(row: Row[int, bytes]) -> Event:
    event = read_event(row[1])
    event.token = str(row[0])
    return event


def _check(request: pb.SubscribeRequest | pb.ListEventsRequest) -> None:
    if len(request.station_ids) > MAX_STATIONS:
        raise InvalidArgument("station_ids", f"must be at most {MAX_STATIONS} stations")
    for position, kind in enumerate(request.kinds):
        if kind not in KINDS:
            raise InvalidArgument(f"kinds[{position}]", "is not the name of a body of Event")


def _is_number(token: str) -> bool:
    return token.isascii() and token.isdigit() and len(token) < 19


def _sign_of_life(position: int) -> pb.SubscribeResponse:
    return pb.SubscribeResponse(event=Event(token=str(position)))
