"""Wakes subscribers when events were committed: at once in this process, soon in others."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence

from citrine.events.v1.events_pb2 import Event
from citrine_core.clock import Clock, utc_now
from citrine_core.db import Notices, UnitOfWork, UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable, Stopping
from citrine_core.events.repository import OutboxRepository

__all__ = ["EventFeed", "Subscription", "write_events"]

POLL_INTERVAL = 0.25
"""Seconds between polls for events of other processes, while there are subscribers."""

SOON = 0.01
"""First pause, in seconds, between polls while a writer is about to commit; it doubles each time."""

SPACING = 0.01
"""Shortest pause between polls, in seconds, so that one poll serves many commits."""

HEARD_INTERVAL = 1.0
"""Seconds between these polls while other cores notify us of their commits."""

SUBSCRIBED_INTERVAL, SUBSCRIBED_TIME = 30.0, 70.0
"""Seconds between two notices that this core has subscribers, and seconds for which such a notice counts. While nobody
wants to know, nobody announces commits."""

RETRY_INTERVAL = 1.0
"""Seconds until the next poll after the database was unavailable."""

SUBSCRIBED, COMMITTED, ASKED = "subscribed", "events", "subscribed?"
"""Topics of notices: a core has subscribers; a core committed events; a core asks who has subscribers."""


async def write_events(work: UnitOfWork, events: Sequence[Event], clock: Clock = utc_now) -> None:
    """Store events in the outbox, as the last step before the commit of a unit of work; wakes nobody."""
    if events:
        await OutboxRepository(work.session).add_all(events, clock())


class Subscription:
    """The state of one subscriber of a tenant's events."""

    def __init__(self, tenant_id: str, head: int) -> None:
        self.tenant_id = tenant_id
        self._head = head
        self._changed = asyncio.Event()
        self._stopping = False

    @property
    def head(self) -> int:
        """Id up to which every event of the tenant is known to be committed."""
        return self._head

    async def wait(self, seconds: float) -> bool:
        """Wait until there may be events of the tenant; return False after so many seconds without any.

        Raises:
            Stopping: When the process stops.
        """
        await _is_set_within(seconds, self._changed)
        if self._stopping:
            raise Stopping
        found = self._changed.is_set()
        self._changed.clear()
        return found

    def move(self, head: int, *, changed: bool) -> None:
        """Set the head, and wake the subscriber if its tenant has new events."""
        self._head = max(head, self._head)
        if changed:
            self._changed.set()

    def stop(self) -> None:
        """Make the subscriber end its stream."""
        self._stopping = True
        self._changed.set()


class EventFeed:
    """Polls the outbox for all subscribers of this process with one query; without subscribers it does not poll."""

    def __init__(
        self, clock: Clock = utc_now, poll_interval: float = POLL_INTERVAL, notices: Notices | None = None
    ) -> None:
        self._clock = clock
        self._poll_interval = poll_interval
        self._notices = notices
        self._version: int | None = None
        self._subscribed = self._others_subscribed = float("-inf")
        """When this core, and when another one, was last said to have subscribers."""
        if notices is not None:
            notices.on(SUBSCRIBED, self._on_others_subscribed, at_first=False)
            notices.on(COMMITTED, self._committed_elsewhere)
            notices.on(ASKED, self._on_asked, at_first=False)
            notices.when_heard(self._ask)
        self._subscriptions: set[Subscription] = set()
        self._wanted = asyncio.Event()
        self._committed = asyncio.Event()
        self._stopping = False

    async def write(self, work: UnitOfWork, events: Sequence[Event]) -> None:
        """Store events, as the last step before the commit of a unit of work; subscribers are woken after it."""
        if not events:
            return
        await write_events(work, events, self._clock)
        if self._subscriptions or self._others_want:
            work.after_commit(self._on_commit)

    @contextlib.contextmanager
    def subscription(self, tenant_id: str, head: int) -> Iterator[Subscription]:
        """Subscribe to events of a tenant within a block.

        Args:
            tenant_id: Whose events.
            head: Id of the latest event that is known to be committed. The next poll finds later ones.

        Raises:
            Stopping: When the process stops.
        """
        if self._stopping:
            raise Stopping
        subscription = Subscription(tenant_id, head)
        self._subscriptions.add(subscription)
        self._wanted.set()
        self._committed.set()
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            if not self._subscriptions:
                self._wanted.clear()

    async def run(self, unit_of_work: UnitOfWorkFactory) -> None:
        """Poll for new events until cancelled."""
        soon = SOON
        while True:
            await self._wanted.wait()
            try:
                is_behind = await self._look(unit_of_work)
                # Most writers commit in a moment. A suspended one must not cause polls at this rate for ever.
                soon = min(2 * soon, self._poll_interval) if is_behind else SOON
                interval = soon if is_behind else self._pause()
            except DatabaseUnavailable:
                # Subscribers notice it by their own queries.
                interval = RETRY_INTERVAL
            self._say_subscribed()
            await asyncio.sleep(SPACING)
            while not await _is_set_within(interval, self._committed) and not await self._may_have_changed():
                pass

    def stop(self) -> None:
        """End all streams, and refuse new ones: the process stops."""
        self._stopping = True
        for subscription in self._subscriptions:
            subscription.stop()

    @property
    def _others_want(self) -> bool:
        """Whether other cores have subscribers, as far as this one knows."""
        return time.monotonic() - self._others_subscribed < SUBSCRIBED_TIME

    def _pause(self) -> float:
        are_heard = self._notices is not None and self._notices.are_heard
        return max(HEARD_INTERVAL, self._poll_interval) if are_heard else self._poll_interval

    def _on_commit(self) -> None:
        self._committed.set()
        if self._notices is not None and self._others_want:
            self._notices.announce(COMMITTED)

    def _committed_elsewhere(self) -> None:
        self._committed.set()

    def _on_others_subscribed(self) -> None:
        self._others_subscribed = time.monotonic()

    def _ask(self) -> None:
        """Ask who has subscribers, and say whether this core has: it may have said so when it was not heard."""
        if self._notices is not None:
            self._notices.announce(ASKED)
        self._on_asked()

    def _on_asked(self) -> None:
        self._subscribed = float("-inf")
        if self._subscriptions:
            self._say_subscribed()

    def _say_subscribed(self) -> None:
        now = time.monotonic()
        if self._notices is not None and now - self._subscribed >= SUBSCRIBED_INTERVAL:
            self._subscribed = now
            self._notices.announce(SUBSCRIBED)

    async def _may_have_changed(self) -> bool:
        """Return whether others may have committed something since the last call."""
        before, self._version = self._version, await self._notices.version() if self._notices is not None else None
        return self._version is None or self._version != before

    async def _look(self, unit_of_work: UnitOfWorkFactory) -> bool:
        """Advance all subscriptions; return whether more events are about to be committed."""
        # Cleared before the query, so that a commit during it causes another poll.
        self._committed.clear()
        known = min((subscription.head for subscription in self._subscriptions), default=0)
        async with unit_of_work(read_only=True) as work:
            outbox = OutboxRepository(work.session)
            horizon = await outbox.horizon()
            heads = await outbox.heads_after(known, horizon)
        head = max(heads.values(), default=known)
        for subscription in self._subscriptions:
            changed = heads.get(subscription.tenant_id, 0) > subscription.head
            subscription.move(head, changed=changed)
        return horizon.is_behind


async def _is_set_within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event, for so many seconds at most; return whether it is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
