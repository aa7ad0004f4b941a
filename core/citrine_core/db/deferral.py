"""Deferred commits: what a call changes is committed together with its answer."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from citrine_core.db.unit_of_work import UnitOfWork

__all__ = ["Deferral", "current_deferral"]

logger = logging.getLogger(__name__)

LONGEST = 1.0
"""Seconds after which a deferred commit is done without the answer: others may wait for what it has locked."""

Record = Callable[["UnitOfWork"], Awaitable[None]]
"""Stores what is known of the call within a unit of work that is about to be committed."""

_DEFERRAL: ContextVar["Deferral | None"] = ContextVar("deferral of commits", default=None)


class Deferral:
    """The commits of one call, of which the last one waits for the answer.

    `UnitOfWork.commit` writes everything, and the database commits it once the answer is known (`release`). Whatever
    can't wait ends the wait before: another unit of work of the same call, which is to see what the first one stored,
    a commit that is said to be at once, and LONGEST seconds, though not before the block of its unit of work is left.
    Tasks that the call begins defer nothing.

    Each commit of the call stores a record with it. Where that raises, nothing is committed.

    Args:
        record: Stores the record.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._task = asyncio.current_task()
        self._pending: UnitOfWork | None = None
        self._is_retained = False
        self._is_overdue = False
        self._resources = contextlib.AsyncExitStack()
        self._releasing = asyncio.Lock()
        self._committing = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._late: asyncio.Task[None] | None = None
        self._is_over = False
        self._failure: Exception | None = None
        self._has_committed = False

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Defer the commits of this task within a block."""
        token = _DEFERRAL.set(self)
        try:
            yield
        finally:
            self._is_over = True
            _DEFERRAL.reset(token)

    @property
    def is_active(self) -> bool:
        """Whether commits are recorded. Tasks that outlive the call store what they store on their own."""
        return not self._is_over

    async def has_effect(self) -> bool:
        """Return whether anything of the call is committed, or waits to be. Waits for a commit that is under way."""
        async with self._releasing:
            return self._pending is not None or self._has_committed

    async def commit(self, work: "UnitOfWork", *, at_once: bool) -> None:
        """Commit a unit of work together with the record, or defer it."""
        if at_once or self._task is not asyncio.current_task():
            await work.write()
            await self._commit(work)
            return
        await work.rehearse()
        self._pending, self._is_retained = work, False
        loop = asyncio.get_running_loop()
        self._timer = self._timer or loop.call_later(LONGEST, self._release_late)

    async def retain(self, work: "UnitOfWork", resources: contextlib.AsyncExitStack) -> None:
        """Retain what a unit of work occupies, after its block, until its commit. Waits for one that is under way."""
        async with self._releasing:
            if self._pending is work:
                self._resources, self._is_retained = resources.pop_all(), True
                if self._is_overdue:
                    self._release_late()

    async def release(self) -> None:
        """Commit what waits, and free what it occupies.

        Raises:
            Exception: What the commit raised, now or before: the call can't go on as if it had been done.
        """
        async with self._releasing:
            if self._failure is not None:
                raise self._failure
            work, self._pending = self._pending, None
            resources, self._resources = self._resources, contextlib.AsyncExitStack()
            self._stop_timer()
            async with resources:
                if work is not None:
                    try:
                        await self._commit(work)
                    except Exception as error:
                        self._failure = error
                        raise

    async def abandon(self) -> None:
        """Roll back what waits, if anything does."""
        async with self._releasing:
            self._pending = None
            self._stop_timer()
            await self._resources.aclose()

    async def _commit(self, work: "UnitOfWork") -> None:
        # Tasks of one call must see that the record is stored, and not mistake it for that of another call.
        async with self._committing:
            await self._record(work)
            await work.finish()
            self._has_committed = True

    def _stop_timer(self) -> None:
        self._is_overdue = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _release_late(self) -> None:
        self._timer = None
        # Within its block the handler may be using the connection: it is committed at the end of the block.
        self._is_overdue = not self._is_retained
        if self._is_overdue:
            return
        self._late = asyncio.get_running_loop().create_task(self._late_release(), name="deferred commit")

    async def _late_release(self) -> None:
        try:
            await self.release()
        except Exception as error:
            logger.warning("a deferred commit failed", extra={"problem": str(error)})


def current_deferral() -> Deferral | None:
    """Return the deferral of the present call, or None: commits are done at once."""
    found = _DEFERRAL.get()
    return found if found is not None and found.is_active else None
