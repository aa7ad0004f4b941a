"""The unit of work: one database transaction, its events, and what happens after its commit."""

import asyncio
import contextlib
import copy
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from citrine.events.v1.events_pb2 import Event
from citrine_core.db.engine import READ_ONLY, is_outage
from citrine_core.errors import DatabaseUnavailable

__all__ = ["UnitOfWork", "UnitOfWorkFactory"]

logger = logging.getLogger(__name__)

TURN_TIMEOUT = 5.0
"""Seconds that a unit of work waits for one of a limited number to end."""

END_TIME = 0.5
"""Seconds that a commit or rollback under way has left when its task is cancelled."""

WriteEvents = Callable[[AsyncSession, Sequence[Event]], Awaitable[None]]


class UnitOfWork:
    """One database transaction. What is not committed when it is left is forgotten."""

    def __init__(self, session: AsyncSession, write_events: WriteEvents, commits: "_Commits") -> None:
        self.session = session
        self._write_events = write_events
        self._commits = commits
        self._events: list[Event] = []
        self._after_commit: list[Callable[[], None]] = []

    def emit(self, event: Event) -> None:
        """Have an event stored with this unit of work. Time and token are set when it is stored."""
        self._events.append(event)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Have something done once everything is committed, and not otherwise."""
        self._after_commit.append(callback)

    async def commit(self) -> None:
        """Store everything, then run what waits for the commit.

        Raises:
            DatabaseUnavailable: When the database could not commit; nothing was stored.
        """
        await self.session.flush()
        if self._events:
            await self._write_events(self.session, self._events)
        await _whole(self.session.commit())
        if self._events:
            self._commits.last_events = time.monotonic()
        callbacks, self._after_commit, self._events = self._after_commit, [], []
        for callback in callbacks:
            try:
                callback()
            except Exception as error:
                # What is committed must not be done again because somebody could not be told.
                logger.error("what was to follow a commit failed", exc_info=error)


class _Commits:
    """What was committed, by whichever of the factories of one database."""

    last_events = float("-inf")


class UnitOfWorkFactory:
    """Opens units of work on one database.

    On SQLite, which has one writer, those that write take turns.
    """

    def __init__(self, engine: AsyncEngine, write_events: WriteEvents) -> None:
        self._engine = engine
        self._write_events = write_events
        self._commits = _Commits()
        self._turn = asyncio.Lock() if engine.dialect.name == "sqlite" else None
        self._places: asyncio.Semaphore | None = None

    @property
    def last_events(self) -> float:
        """When events were committed last, in seconds of `time.monotonic`."""
        return self._commits.last_events

    def limited(self, most: int) -> "UnitOfWorkFactory":
        """Return a factory on the same database that opens at most so many at a time; more wait, and give up.

        For those whose number and haste are not ours to choose: they must not take all connections. Who holds one
        must not open a second.
        """
        factory = copy.copy(self)
        factory._places = asyncio.Semaphore(most)
        return factory

    def __call__(self, *, read_only: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a unit of work for the time of an `async with` block.

        Raises:
            DatabaseUnavailable: From the block, when the database and not a statement failed.
        """
        return self._open(read_only)

    @contextlib.asynccontextmanager
    async def _open(self, read_only: bool) -> AsyncIterator[UnitOfWork]:
        place = contextlib.nullcontext() if self._places is None else _place(self._places)
        turn = self._turn if self._turn is not None and not read_only else contextlib.nullcontext()
        async with place, turn:
            session = AsyncSession(self._engine, expire_on_commit=False)
            try:
                # Begins at once: a SQLite writer must hold the lock before it reads.
                await session.connection(execution_options={READ_ONLY: read_only})
                yield UnitOfWork(session, self._write_events, self._commits)
            except Exception as error:
                if _is_cancelled():
                    # A driver that is cancelled in the middle of a statement may fail instead, and hide it.
                    raise asyncio.CancelledError from error
                if is_outage(error) and not isinstance(error, DatabaseUnavailable):
                    raise DatabaseUnavailable from error
                raise
            finally:
                # close() rolls back what was not committed. rollback() would also expire the
                # loaded rows, which callers still read after the block.
                await _close(session)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@contextlib.asynccontextmanager
async def _place(places: asyncio.Semaphore) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(TURN_TIMEOUT):
            await places.acquire()
    except TimeoutError:
        raise DatabaseUnavailable from None
    try:
        yield
    finally:
        places.release()


async def _close(session: AsyncSession) -> None:
    try:
        if session.in_transaction():
            await _whole(session.close())
        else:
            await session.close()
    except Exception as error:
        # A connection that broke can't be rolled back; the server does it. Anything else is a bug.
        if not is_outage(error):
            raise


async def _whole(end: Coroutine[Any, Any, None]) -> None:
    """Wait for the end of a transaction, also where the task is cancelled meanwhile.

    Cut off in its middle, the connection would have to be thrown away, with an error in the log as after an outage.
    """
    ending = asyncio.ensure_future(end)
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        await asyncio.wait({ending}, timeout=END_TIME)
        if not ending.done():
            ending.cancel()
            await asyncio.wait({ending})
        if not ending.cancelled():
            # Nobody waits for what it failed with.
            ending.exception()
        raise
