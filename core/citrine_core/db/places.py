"""Places: limits on the concurrent transactions of callers and of jobs."""

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar

from citrine_core.errors import Overloaded

__all__ = ["Places", "in_background"]

_background: ContextVar[bool] = ContextVar("citrine_background", default=False)


class Places:
    """A limit on concurrent transactions. Tenants take turns, and none has all places, whatever it does.

    A task with a place must not request a second one.

    Args:
        most: Largest number of concurrent transactions.
        of_tenant: Largest number of them of one tenant.
        tenant: Returns the tenant of the present caller.
        jobs: Additional places for jobs, which wait without a limit, so that callers can't starve them.
        waiting: Largest number of waiting callers of one tenant.
        patience: Seconds that a caller waits.
    """

    def __init__(
        self, most: int, of_tenant: int, tenant: Callable[[], str], jobs: int, *, waiting: int, patience: float
    ) -> None:
        self._free = most
        self._of_tenant = of_tenant
        self._jobs = asyncio.Semaphore(jobs)
        self._most_waiting = waiting
        self._patience = patience
        self._tenant = tenant
        self._occupied: Counter[str] = Counter()
        # Who waits, by tenant: the next place is for the first tenant that may have one more.
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Occupy a place within a block.

        Raises:
            Overloaded: When too many wait, or no place became free in time. This is not an outage.
        """
        if _background.get():
            async with self._jobs:
                yield
            return
        tenant = self._tenant()
        if not self._occupy(tenant):
            await self._wait(tenant)
        try:
            yield
        finally:
            self._release(tenant)

    def _occupy(self, tenant: str) -> bool:
        """Occupy a place for a tenant; return False if it may have none now."""
        if not self._free or self._occupied[tenant] >= self._of_tenant:
            return False
        self._free -= 1
        self._occupied[tenant] += 1
        return True

    async def _wait(self, tenant: str) -> None:
        queue = self._waiting.setdefault(tenant, deque())
        if len(queue) >= self._most_waiting:
            raise Overloaded
        place = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            async with asyncio.timeout(self._patience):
                await place
        except (TimeoutError, asyncio.CancelledError) as error:
            if place.cancelled():
                self._leave(tenant, queue, place)
            else:
                # It became free at the same moment.
                self._release(tenant)
            if isinstance(error, TimeoutError):
                raise Overloaded from None
            raise

    def _release(self, tenant: str) -> None:
        self._free += 1
        self._occupied[tenant] -= 1
        if not self._occupied[tenant]:
            del self._occupied[tenant]
        for waiting, queue in list(self._waiting.items()):
            # Who has given up may not have run since.
            while queue and queue[0].done():
                queue.popleft()
            if queue and self._occupy(waiting):
                queue.popleft().set_result(None)
                self._waiting.move_to_end(waiting)
            if not queue:
                del self._waiting[waiting]
            if not self._free:
                return

    def _leave(self, tenant: str, queue: "deque[asyncio.Future[None]]", place: "asyncio.Future[None]") -> None:
        with contextlib.suppress(ValueError):
            queue.remove(place)
        if not queue and self._waiting.get(tenant) is queue:
            del self._waiting[tenant]


@contextlib.contextmanager
def in_background() -> Iterator[None]:
    """Make transactions that are opened in the block, or by tasks created in it, use the places of jobs."""
    token = _background.set(True)
    try:
        yield
    finally:
        _background.reset(token)
