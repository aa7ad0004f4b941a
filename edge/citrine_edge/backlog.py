"""Backpressure by the CALLs of all stations together that were read and not answered, shared among tenants."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from weakref import WeakValueDictionary

__all__ = ["Backlog", "Share"]


class Share:
    """What one tenant's stations have in the backlog. Made by `Backlog.of`."""

    __slots__ = ("__weakref__", "_backlog", "size", "stopped")

    def __init__(self, backlog: "Backlog") -> None:
        self._backlog = backlog
        self.size = 0
        """Bytes of the tenant's CALLs that are read and not answered."""
        self.stopped: dict[Callable[[], None], None] = {}
        """Callbacks of its stations that are not read."""

    def add(self, size: int) -> bool:
        """Add the bytes of a message; return False if the caller must call `stop`."""
        backlog = self._backlog
        if not self.size:
            backlog.tenants += 1
        self.size += size
        backlog.size += size
        return backlog.size <= backlog.limit or self.size * backlog.tenants <= backlog.limit

    def remove(self, size: int) -> None:
        """Subtract the bytes of a message that is answered."""
        if not size:
            return
        self.size -= size
        self._backlog.size -= size
        if not self.size:
            self._backlog.tenants -= 1
        self._backlog.removed(self)

    def stop(self, read_on: Callable[[], None]) -> None:
        """Register the callback of a stopped station, which is called once when it may be read again."""
        self.stopped[read_on] = None
        self._backlog.stopped_shares[self] = None

    def forget(self, read_on: Callable[[], None]) -> None:
        """Drop the callback of a station that is gone."""
        self.stopped.pop(read_on, None)
        if not self.stopped:
            self._backlog.stopped_shares.pop(self, None)


class Backlog:
    """Counts the bytes of CALLs, of all stations, that were read and not answered yet.

    Above the limit, each station that sends another CALL is no longer read, unless its tenant has less than its share:
    the limit, divided by the tenants that have something. So one tenant can't have the stations of another stopped, and
    all together have less than twice the limit. Nothing is dropped: TCP applies backpressure. Once enough is
    answered, reading resumes station by station, of each tenant in turn, in the order in which they were stopped.
    """

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        self.limit = limit
        """Bytes above which stations are stopped."""
        # Well below the limit, so that stations are not stopped again by their next message.
        self._low = limit * 3 // 4
        self._loop = loop
        self._shares: WeakValueDictionary[str, Share] = WeakValueDictionary()
        self.stopped_shares: OrderedDict[Share, None] = OrderedDict()
        """Of tenants with stations that are not read; the next turn is the first one's."""
        self._waking = False
        self.size = 0
        """Bytes that are read and not answered."""
        self.tenants = 0
        """How many tenants have some of them."""

    def of(self, tenant_id: str) -> Share:
        """Return the share of a tenant, one and the same as long as somebody has it."""
        share = self._shares.get(tenant_id)
        if share is None:
            share = self._shares[tenant_id] = Share(self)
        return share

    @property
    def stopped(self) -> int:
        """How many stations are not read because of the limit."""
        return sum(len(share.stopped) for share in self.stopped_shares)

    def removed(self, share: Share) -> None:
        """Resume reading soon if a share that became smaller allows it."""
        if self.stopped_shares and not self._waking and (self.size <= self._low or self._may_resume(share)):
            self._waking = True
            # Not from here: a station that is read again may call this method, and there may be thousands.
            self._loop.call_soon(self._wake)

    def _may_resume(self, share: Share) -> bool:
        return self.size <= self._low or share.size * self.tenants <= self._low

    def _wake(self) -> None:
        self._waking = False
        while (share := next(filter(self._may_resume, self.stopped_shares), None)) is not None:
            read_on = next(iter(share.stopped))
            self.stopped_shares.move_to_end(share)
            share.forget(read_on)
            read_on()
