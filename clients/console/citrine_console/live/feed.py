"""The events of a tenant, subscribed to once for all who look with the same credential."""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Sequence
from typing import Protocol

import grpc

from citrine.events.v1.events_pb2 import Event
from citrine_console.sessions import Clients, Credential
from citrine_sdk import Backoff, Citrine

__all__ = ["Feed", "FeedListener", "Feeds"]

logger = logging.getLogger(__name__)

NEWEST = 100
"""Events that are remembered for those who come later."""

_FIRST, _LONGEST = 0.3, 3.0
"""Seconds until a lost subscription is tried again: somebody is looking."""


class FeedListener(Protocol):
    """What wants to know of events."""

    kinds: Collection[str]

    def happened(self, event: Event) -> None:
        """One of the kinds happened."""

    def feed_changed(self) -> None:
        """The feed was lost, or is there again: what happened meanwhile is not known."""


class Feed:
    """The events that one credential sees. It runs while somebody listens."""

    def __init__(self, citrine: Citrine) -> None:
        self._citrine = citrine
        self._listeners: dict[str, set[FeedListener]] = {}
        self._all: set[FeedListener] = set()
        self._task: asyncio.Task[None] | None = None
        self.newest: deque[Event] = deque(maxlen=NEWEST)
        self.interruption = ""
        """Why there are no events now. Empty: there are."""

    @property
    def is_used(self) -> bool:
        """Whether anybody listens."""
        return bool(self._all)

    def listen(self, listener: FeedListener) -> None:
        """Have a listener told of what happens from now on."""
        self._all.add(listener)
        for kind in listener.kinds:
            self._listeners.setdefault(kind, set()).add(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="events of a credential")

    def forget(self, listener: FeedListener) -> None:
        """Tell a listener nothing any more."""
        self._all.discard(listener)
        for kind in listener.kinds:
            self._listeners.get(kind, set()).discard(listener)

    async def stop(self) -> None:
        """End the subscription."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                token = await self._citrine.event_position()
                self._set_interrupted("")
                failures = 0
                backoff = Backoff(first=_FIRST, longest=_LONGEST)
                events = self._citrine.follow_events(
                    from_token=token, backoff=backoff, on_lost=self._set_interrupted, on_position=self._is_there
                )
                async for event in events:
                    self._is_there("")
                    self._happened(event)
            except grpc.aio.AioRpcError as error:
                self._set_interrupted(error.details() or error.code().name)
            except Exception as error:
                logger.exception("following events failed")
                self._set_interrupted(str(error))
            failures += 1
            await asyncio.sleep(min(_FIRST * 2**failures, _LONGEST))

    def _happened(self, event: Event) -> None:
        kind = event.WhichOneof("body")
        if kind is None:
            return
        self.newest.append(event)
        for listener in [*self._listeners.get(kind, ())]:
            listener.happened(event)

    def _is_there(self, _token: str) -> None:
        if self.interruption:
            self._set_interrupted("")

    def _set_interrupted(self, reason: str) -> None:
        if bool(reason) == bool(self.interruption):
            return
        self.interruption = reason
        for listener in [*self._all]:
            listener.feed_changed()


class Feeds:
    """The feeds of all credentials that somebody looks with.

    Args:
        clients: Opens clients of the API.
        linger: Seconds that a feed goes on after the last who looked left: a page that is reloaded needs it again.
    """

    def __init__(self, clients: Clients, linger: float = 5.0) -> None:
        self._clients = clients
        self._linger = linger
        self._feeds: dict[Credential, Feed] = {}
        self._ending: dict[Credential, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, credential: Credential) -> Feed:
        """Return the feed of a credential, to be given back by `close`."""
        ending = self._ending.pop(credential, None)
        if ending is not None:
            ending.cancel()
        feed = self._feeds.get(credential)
        if feed is None:
            citrine = await self._clients.open(credential)
            if credential in self._feeds:
                await self._clients.close(credential)
            feed = self._feeds.setdefault(credential, Feed(citrine))
        return feed

    def newest(self, credential: Credential) -> Sequence[Event]:
        """Return the newest events that a credential saw, the latest last. Empty where nobody looks with it."""
        feed = self._feeds.get(credential)
        return () if feed is None else tuple(feed.newest)

    def close(self, credential: Credential) -> None:
        """Give a feed back; it ends a little after its last listener left."""
        feed = self._feeds.get(credential)
        if feed is not None and not feed.is_used and credential not in self._ending:
            loop = asyncio.get_running_loop()
            self._ending[credential] = loop.call_later(self._linger, self._end_if_unused, credential)

    def _end_if_unused(self, credential: Credential) -> None:
        self._ending.pop(credential, None)
        feed = self._feeds.get(credential)
        if feed is not None and not feed.is_used:
            del self._feeds[credential]
            task = asyncio.create_task(self._end(credential, feed), name="end of a feed")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _end(self, credential: Credential, feed: Feed) -> None:
        await feed.stop()
        await self._clients.close(credential)

    async def stop(self) -> None:
        """End all of them."""
        for ending in self._ending.values():
            ending.cancel()
        self._ending.clear()
        feeds, self._feeds = self._feeds, {}
        for credential, feed in feeds.items():
            await self._end(credential, feed)
        await asyncio.gather(*self._tasks, return_exceptions=True)
