"""Tells subscribers that something was committed: at once in this process, soon in the others."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.events.v1.events_pb2 import Event
from citrine_core.clock import Clock, utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable, Stopping
from citrine_core.events.repository import OutboxRepository

__all__ = ["EventFeed", "Subscription", "write_events"]

POLL_INTERVAL = 0.25
"""Seconds after which the events of other processes are looked for, as long as somebody listens."""

SOON = 0.01
"""Seconds until the next look where somebody is about to commit; each is twice as long as the last."""

SPACING = 0.01
"""Seconds from one look to the next at least: what is committed meanwhile is found by one."""

RETRY_INTERVAL = 1.0
"""Seconds until the next look where the database was not available."""


async def write_events(session: AsyncSession, events: Sequence[Event], clock: Clock = utc_now) -> None:
    """Store events in the outbox as the last thing before the commit of a session, and wake nobody."""
    if events:
        await OutboxRepository(session).add_all(events, clock())


class Subscription:
    """What one subscriber waits on."""

    def __init__(self, tenant_id: str, head: int) -> None:
        self.tenant_id = tenant_id
        self._head = head
        self._changed = asyncio.Event()
        self._stopping = False

    @property
    def head(self) -> int:
        """Id through which every event of the tenant is known to be committed."""
        return self._head

    async def wait(self, seconds: float) -> bool:
        """Wait until there may be events of the tenant; return False where there were none in that time.

        Raises:
            Stopping: When the process stops.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        if self._stopping:
            raise Stopping
        found = self._changed.is_set()
        self._changed.clear()
        return found

    def move(self, head: int, *, changed: bool) -> None:
        """Set how far the outbox is, and wake the subscriber if something is of its tenant."""
        self._head = max(head, self._head)
        if changed:
            self._changed.set()

    def stop(self) -> None:
        """Have the subscriber end its stream."""
        self._stopping = True
        self._changed.set()


class EventFeed:
    """Watches the outbox for all subscribers of this process with one query, and not at all without subscribers."""

    def __init__(self, clock: Clock = utc_now, poll_interval: float = POLL_INTERVAL) -> None:
        self._clock = clock
        self._poll_interval = poll_interval
        self._subscriptions: set[Subscription] = set()
        self._wanted = asyncio.Event()
        self._committed = asyncio.Event()
        self._stopping = False

    async def write(self, session: AsyncSession, events: Sequence[Event]) -> None:
        """Store events as the last thing before the commit of a session, and wake subscribers after it."""
        if not events:
            return
        await write_events(session, events, self._clock)
        if self._subscriptions:
            sqlalchemy_event.listen(session.sync_session, "after_commit", self._on_commit, once=True)

    @contextlib.contextmanager
    def subscription(self, tenant_id: str, head: int) -> Iterator[Subscription]:
        """Be told of events of a tenant for the time of a block.

        Args:
            tenant_id: Whose events.
            head: Id of the latest event that is known to be committed. What came since is found by the next look.

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
        """Look for new events until cancelled."""
        soon = SOON
        while True:
            await self._wanted.wait()
            try:
                is_behind = await self._look(unit_of_work)
                # Most who write are done in a moment; one that stands still is not asked after without end.
                soon = min(2 * soon, self._poll_interval) if is_behind else SOON
                interval = soon if is_behind else self._poll_interval
            except DatabaseUnavailable:
                # Subscribers learn of it by their own queries.
                interval = RETRY_INTERVAL
            await asyncio.sleep(SPACING)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._committed.wait()

    def stop(self) -> None:
        """End all streams, and let none begin: the process stops."""
        self._stopping = True
        for subscription in self._subscriptions:
            subscription.stop()

    def _on_commit(self, session: object) -> None:
        self._committed.set()

    async def _look(self, unit_of_work: UnitOfWorkFactory) -> bool:
        """Move all subscriptions on; return whether more is about to be committed."""
        # Cleared before the query: a commit during it is looked for again.
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
