"""The events of a tenant, subscribed to once for all who look with the same rights."""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection
from typing import Protocol

import grpc

from citrine.events.v1.events_pb2 import Event
from citrine_console.sessions import Rights, Session
from citrine_sdk import Backoff

__all__ = ["Feed", "FeedListener", "Feeds"]

logger = logging.getLogger(__name__)

_FIRST, _LONGEST = 0.3, 3.0
"""Seconds until a lost subscription is tried again: somebody is looking."""


_BEGINNING = 0.3
"""Seconds that a reading waits for the subscription to begin. Else it is read again once it has."""


class FeedListener(Protocol):
    """What wants to know of events."""

    kinds: Collection[str]

    def happened(self, event: Event) -> None:
        """One of the kinds happened."""

    def feed_changed(self) -> None:
        """The feed was lost, or is there again: what happened meanwhile is not known."""


class Feed:
    """The events that sessions of the same rights see, read by one of them. It runs while somebody listens."""

    def __init__(self) -> None:
        self._sessions: Counter[Session] = Counter()
        self._listeners: dict[str, set[FeedListener]] = {}
        self._all: set[FeedListener] = set()
        self._task: asyncio.Task[None] | None = None
        self._token = ""
        self._has_begun = asyncio.Event()
        self.interruption = ""
        """Why there are no events now. Empty: there are."""

    @property
    def is_used(self) -> bool:
        """Whether anybody looks."""
        return bool(self._sessions)

    def join(self, session: Session) -> None:
        """Have a session that looks be one of the readers."""
        self._sessions[session] += 1
        self._start_if_needed()

    def leave(self, session: Session) -> None:
        """Have a session be a reader no more. If it reads, it goes on until it is logged out."""
        self._sessions[session] -= 1
        if self._sessions[session] <= 0:
            del self._sessions[session]

    def listen(self, listener: FeedListener) -> None:
        """Have a listener told of what happens from now on."""
        self._all.add(listener)
        for kind in listener.kinds:
            self._listeners.setdefault(kind, set()).add(listener)
        self._start_if_needed()

    def forget(self, listener: FeedListener) -> None:
        """Tell a listener nothing any more."""
        self._all.discard(listener)
        for kind in listener.kinds:
            self._listeners.get(kind, set()).discard(listener)

    async def begun(self) -> bool:
        """Wait until all that happens from now on is told, for a little while; return whether it is."""
        try:
            async with asyncio.timeout(_BEGINNING):
                await self._has_begun.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """End the subscription."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _start_if_needed(self) -> None:
        if self._all and self._sessions and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="events of a tenant")

    async def _run(self) -> None:
        """Follow events by one session after the other, each until it is logged out, as long as there is one."""
        while True:
            reader = next((one for one in self._sessions if not one.closed.is_set()), None)
            if reader is None:
                return
            # A log-out closes the channel, and what is under way on it is cancelled: so it is a task of its own.
            following = asyncio.create_task(self._follow(reader), name="events by a session")
            closed = asyncio.create_task(reader.closed.wait(), name="until its session ends")
            try:
                await asyncio.wait({following, closed}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                following.cancel()
                closed.cancel()
                await asyncio.gather(following, closed, return_exceptions=True)
            await asyncio.sleep(_FIRST)

    async def _follow(self, reader: Session) -> None:
        failures = 0
        while True:
            try:
                if not self._token:
                    self._token = await reader.citrine.event_position()
                self._has_begun.set()
                self._set_interrupted("")
                failures = 0
                events = reader.citrine.follow_events(
                    from_token=self._token,
                    backoff=Backoff(first=_FIRST, longest=_LONGEST),
                    on_lost=self._set_interrupted,
                    on_position=self._is_there,
                )
                async for event in events:
                    self._is_there(event.token)
                    self._happened(event)
            except grpc.aio.AioRpcError as error:
                self._has_begun.set()
                if error.code() is grpc.StatusCode.OUT_OF_RANGE:
                    # What happened since is not known. Who listens reads all anew.
                    self._token = ""
                self._set_interrupted(error.details() or error.code().name)
            except Exception as error:
                logger.exception("following events failed")
                self._set_interrupted(str(error) or type(error).__name__)
            failures += 1
            await asyncio.sleep(min(_FIRST * 2**failures, _LONGEST))

    def _happened(self, event: Event) -> None:
        kind = event.WhichOneof("body")
        if kind is None:
            return
        for listener in [*self._listeners.get(kind, ())]:
            listener.happened(event)

    def _is_there(self, token: str) -> None:
        self._token = token
        if self.interruption:
            self._set_interrupted("")

    def _set_interrupted(self, reason: str) -> None:
        if bool(reason) == bool(self.interruption):
            return
        self.interruption = reason
        for listener in [*self._all]:
            listener.feed_changed()


class Feeds:
    """The feeds of all rights that somebody looks with.

    Args:
        linger: Seconds that a feed goes on after the last who looked left: a page that is reloaded needs it again.
    """

    def __init__(self, linger: float = 5.0) -> None:
        self._linger = linger
        self._feeds: dict[Rights, Feed] = {}
        self._ending: dict[Rights, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, session: Session, rights: Rights) -> Feed:
        """Return the feed of a session with some rights, to be given back by `close`."""
        ending = self._ending.pop(rights, None)
        if ending is not None:
            ending.cancel()
        feed = self._feeds.setdefault(rights, Feed())
        feed.join(session)
        return feed

    def close(self, session: Session, rights: Rights) -> None:
        """Give a feed back; it ends a little after its last session left.

        Args:
            session: Who looked.
            rights: What the session's rights were when it opened the feed.
        """
        feed = self._feeds[rights]
        feed.leave(session)
        if not feed.is_used and rights not in self._ending:
            loop = asyncio.get_running_loop()
            self._ending[rights] = loop.call_later(self._linger, self._end_if_unused, rights)

    def _end_if_unused(self, rights: Rights) -> None:
        self._ending.pop(rights, None)
        feed = self._feeds.get(rights)
        if feed is not None and not feed.is_used:
            del self._feeds[rights]
            task = asyncio.create_task(feed.stop(), name="end of a feed")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End all of them."""
        for ending in self._ending.values():
            ending.cancel()
        self._ending.clear()
        feeds, self._feeds = self._feeds, {}
        for feed in feeds.values():
            await feed.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
