"""Follows the events of the core: what follows from an event is stored by the transaction that stores its position."""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

import grpc
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.events.v1.events_pb2 import Event
from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.db import Database
from citrine_ocpi.feed.isolation import Effect, Isolation, is_passing
from citrine_ocpi.feed.left_out import Subject
from citrine_ocpi.feed.repository import FeedRepository
from citrine_ocpi.ids import new_id
from citrine_ocpi.metrics import Metrics
from citrine_sdk import Citrine, field_violations

__all__ = ["Feed", "Listener"]

LEASE = timedelta(seconds=15)
"""How long a process follows the feed without a sign of life, until another one may."""

BEAT = 5.0
"""Seconds between signs of life, and between looks at whether another process stopped following."""

LOOK = 1.0
"""Seconds between looks at what is due without an event."""

MOST_AT_A_TIME = 200
"""Events whose effects one transaction stores."""

BATCH_INTERVAL = 0.1
"""Seconds from one batch of events to the next, at least: what comes meanwhile is read and stored together."""

MOST_DUE_AT_A_TIME = 100
"""Effects without an event that one transaction stores."""

OVERLAP = timedelta(minutes=5)
"""How much before the last event what changed is listed, where events are no longer retained."""

LISTED_AGAIN = 300.0
"""Seconds between two lists of what changed, where the core refuses the position that the first one ended with."""

_KIND = re.compile(r"kinds\[(\d+)\]")
"""The field of a request that names a kind of events."""

_logger = logging.getLogger(__name__)


class Listener(Protocol):
    """What makes something of events."""

    kinds: Collection[str]
    """Bodies of events, as "transaction_started"."""

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what follows from events, in their order. It may ask the core, and stores nothing by itself."""

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Return what follows from what changed since a time, where the events are no longer known.

        Args:
            since: When the last known event happened. None: nothing was followed yet.
        """


@runtime_checkable
class RepeatingListener(Protocol):
    """A listener that has something to do without an event."""

    async def due(self) -> Sequence[Effect]:
        """Return what is to be stored, about once a second.

        It is stored by several transactions where it is much, in its order. What says that it is done is the last.
        """


class _OtherFollower(Exception):
    """Another process follows the feed."""


class _CoreChanged(Exception):
    """The core was lost that does not know all kinds of events: the next one may."""


class Feed:
    """Follows events for all listeners. `run` goes on until it is cancelled; one replica at a time does so.

    An event has its effects once: they are stored with the position of the event, by who has the lease. What a
    listener can't make anything of is logged, and does not end the feed.

    Args:
        citrine: The core.
        database: Where positions are.
        listeners: What makes something of events.
        isolation: Leaves out what can't be made.
        metrics: What is counted.
        clock: Returns the time now.
        name: Of the feed.
    """

    def __init__(
        self,
        citrine: Citrine,
        database: Database,
        listeners: Sequence[Listener],
        isolation: Isolation,
        metrics: Metrics,
        clock: Clock = utc_now,
        name: str = "events",
    ) -> None:
        self._citrine = citrine
        self._database = database
        self._listeners = listeners
        self._metrics = metrics
        self._isolation = isolation
        self._clock = clock
        self._name = name
        self._follower_id = new_id()
        self._look_time = 0.0
        self._kinds = sorted({kind for listener in listeners for kind in listener.kinds})
        self._unknown: set[str] = set()
        """Kinds that the core does not know: it is older than this adapter."""
        self._listed_time: float | None = None
        """When what changed was listed, since the core knew the position no more."""
        self.problem = "the feed of events has not begun"
        """Why events are not followed by this process. Empty: they are, or another one follows them."""

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            while True:
                try:
                    await self._follow_once()
                except (_OtherFollower, _CoreChanged):
                    self.problem = ""
                except (grpc.aio.AioRpcError, SQLAlchemyError, OSError) as error:
                    self.problem = f"events can't be followed: {_reason(error)}"
                    _logger.warning("following events failed", extra={"problem": _reason(error)})
                except Exception as error:
                    self.problem = f"events can't be followed: {type(error).__name__}"
                    _logger.exception("following events failed")
                await asyncio.sleep(BEAT)
        finally:
            await self._release()

    async def _follow_once(self) -> None:
        async with self._database.writing() as session:
            now = self._clock()
            row = await FeedRepository(session).claim(self._name, self._follower_id, now, now + LEASE)
        if row is None:
            raise _OtherFollower
        self._isolation.forget()
        following = asyncio.create_task(self._follow_from(row.token, row.event_time), name="events of the core")
        beating = asyncio.create_task(self._beat(), name="lease of the feed")
        try:
            done, _ = await asyncio.wait({following, beating}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (following, beating):
                task.cancel()
            await asyncio.gather(following, beating, return_exceptions=True)
        for task in done:
            task.result()

    async def _follow_from(self, token: str, event_time: datetime | None) -> None:
        await self._follow(token or await self._begin(event_time), event_time)

    async def _begin(self, event_time: datetime | None) -> str:
        """Have listeners list what there is, and return the position from which events are news."""
        token = await self._citrine.event_position()
        effects: list[Effect] = []
        since = None if event_time is None else event_time - OVERLAP
        for listener in self._listeners:
            try:
                effects += await listener.catch_up(since)
            except grpc.aio.AioRpcError:
                # Of a list: what is in it must not be missed.
                raise
            except Exception as error:
                effects.append(self._isolation.left_out(Subject("", f"list of {type(listener).__name__}"), error))
        await self._store(effects, token, self._clock())
        return token

    async def _follow(self, token: str, event_time: datetime | None) -> None:
        self._unknown.clear()
        if not self._is_listed_lately():
            self.problem = ""
        while True:
            try:
                async with aclosing(self._batches(token)) as batches:
                    async for batch, position in batches:
                        self.problem = ""
                        if batch:
                            await self._handle(batch)
                            token, event_time = batch[-1].token, batch[-1].time.ToDatetime(UTC)
                        if position:
                            token = position
                            await self._store([], token, event_time)
                        await self._repeat(token, event_time)
                return
            except grpc.aio.AioRpcError as error:
                if unknown := self._refused_kinds(error):
                    self._unknown |= unknown
                    _logger.warning("the core is older, and has no such events", extra={"kinds": sorted(unknown)})
                    continue
                # The second one is of a core whose database is another one now.
                is_unknown = error.code() in (grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.INVALID_ARGUMENT)
                if not is_unknown or self._is_listed_lately():
                    raise
            _logger.warning("events are no longer known: what changed is listed", extra={"since": str(event_time)})
            self._listed_time = time.monotonic()
            await self._begin(event_time)
            return

    def _known_kinds(self) -> list[str]:
        return [one for one in self._kinds if one not in self._unknown]

    def _refused_kinds(self, error: grpc.aio.AioRpcError) -> set[str]:
        """Return the kinds that the core does not know. Empty: the error is another one."""
        kinds = self._known_kinds()
        fields = [_KIND.fullmatch(field) for field, _ in field_violations(error)]
        return {kinds[int(one[1])] for one in fields if one is not None and int(one[1]) < len(kinds)}

    def _is_listed_lately(self) -> bool:
        return self._listed_time is not None and time.monotonic() < self._listed_time + LISTED_AGAIN

    async def _batches(self, token: str) -> AsyncGenerator[tuple[list[Event], str], None]:
        """Yield the events that are there, and how far the stream is behind them where it says so.

        Once in a while there are none.
        """
        queue: asyncio.Queue[Event | str] = asyncio.Queue(MOST_AT_A_TIME)

        def reached(position: str) -> None:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(position)

        def lost(_: str) -> None:
            if self._unknown:
                raise _CoreChanged

        async def read() -> None:
            events = self._citrine.follow_events(
                kinds=self._known_kinds(), from_token=token, on_lost=lost, on_position=reached
            )
            async with aclosing(events) as stream:
                async for event in stream:
                    await queue.put(event)

        reading = asyncio.create_task(read(), name="read events")
        batch_time = 0.0
        try:
            while True:
                first = asyncio.create_task(queue.get(), name="next event")
                try:
                    await asyncio.wait({reading, first}, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not first.done():
                        first.cancel()
                if not first.done():
                    if reading.done():
                        # It ends only by an error.
                        await reading
                        return
                    yield [], ""
                    continue
                # The first one after a while does not wait.
                await asyncio.sleep(max(0.0, batch_time + BATCH_INTERVAL - time.monotonic()))
                batch_time = time.monotonic()
                batch, position = [first.result()], ""
                while not queue.empty() and len(batch) < MOST_AT_A_TIME:
                    batch.append(queue.get_nowait())
                if isinstance(batch[-1], str):
                    position = batch[-1]
                yield [one for one in batch if not isinstance(one, str)], position
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _handle(self, events: Sequence[Event]) -> None:
        effects: list[Effect] = []
        for listener in self._listeners:
            own_events = [event for event in events if event.WhichOneof("body") in listener.kinds]
            if own_events:
                effects += await self._effects(listener, own_events)
        await self._store(effects, events[-1].token, events[-1].time.ToDatetime(UTC))
        self._metrics.feed_events.inc(len(events))

    async def _repeat(self, token: str, event_time: datetime | None) -> None:
        """Store what is due without an event, unless that was done a moment ago."""
        if time.monotonic() < self._look_time:
            return
        self._look_time = time.monotonic() + LOOK
        for listener in self._listeners:
            if not isinstance(listener, RepeatingListener):
                continue
            try:
                effects = await listener.due()
            except Exception as error:
                effects = [self._isolation.left_out(Subject("", f"list of {type(listener).__name__}"), error)]
            # Others write in between: SQLite has one writer at a time.
            for first in range(0, len(effects), MOST_DUE_AT_A_TIME):
                await self._store(effects[first : first + MOST_DUE_AT_A_TIME], token, event_time)

    async def _effects(self, listener: Listener, events: Sequence[Event]) -> Sequence[Effect]:
        try:
            return await listener.happened(events)
        except Exception as error:
            if is_passing(error):
                raise
            if len(events) == 1:
                kind = events[0].WhichOneof("body") or "event"
                return [self._isolation.left_out(Subject("", f"{kind}/{events[0].station_id}"), error)]
            # One of them: the others count.
            return [effect for event in events for effect in await self._effects(listener, [event])]

    async def _store(self, effects: Sequence[Effect], token: str, event_time: datetime | None) -> None:
        try:
            async with self._advance(token, event_time) as session:
                for effect in effects:
                    await effect(session)
        except Exception as error:
            if isinstance(error, _OtherFollower) or is_passing(error):
                raise
            # One of them: the others count.
            self._isolation.forget()
            async with self._advance(token, event_time) as session:
                await self._isolation.store(session, effects)

    @contextlib.asynccontextmanager
    async def _advance(self, token: str, event_time: datetime | None) -> AsyncGenerator[AsyncSession]:
        """Open a transaction that stores how far events were followed."""
        async with self._database.writing() as session:
            if not await FeedRepository(session).advance(self._name, self._follower_id, token, event_time):
                raise _OtherFollower
            yield session

    async def _beat(self) -> None:
        """Renew the lease."""
        while True:
            await asyncio.sleep(BEAT)
            try:
                async with self._database.writing() as session:
                    now = self._clock()
                    row = await FeedRepository(session).claim(self._name, self._follower_id, now, now + LEASE)
            except (SQLAlchemyError, OSError) as error:
                # SQLite may wait too long for the transaction of the first listing. Who has the lease is known later.
                _logger.info("the lease of the feed could not be renewed", extra={"problem": _reason(error)})
                continue
            if row is None:
                raise _OtherFollower

    async def _release(self) -> None:
        try:
            async with self._database.writing() as session:
                await FeedRepository(session).release(self._name, self._follower_id, self._clock())
        except (SQLAlchemyError, OSError):
            _logger.info("the feed could not be given back; another process follows it after its lease")


def _reason(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return " ".join(str(error).split())
