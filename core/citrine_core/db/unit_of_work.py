"""The unit of work: one database transaction, its events, and what happens after its commit."""

import asyncio
import contextlib
import copy
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.util import greenlet_spawn

from citrine.events.v1.events_pb2 import Event
from citrine_core.clock import utc_now
from citrine_core.db.changes import change_time
from citrine_core.db.databases import database_of
from citrine_core.db.deferral import current_deferral
from citrine_core.db.direct import remember_connection
from citrine_core.db.engine import READ_ONLY
from citrine_core.db.outages import is_outage, judge_errors
from citrine_core.db.places import Places
from citrine_core.errors import DatabaseUnavailable

__all__ = ["Companion", "UnitOfWork", "UnitOfWorkFactory", "accompany", "stay_alive"]

logger = logging.getLogger(__name__)

END_TIME = 0.5
"""Seconds that a commit or rollback under way has left when its task is cancelled."""

ALIVE_INTERVAL = 1.0
"""Seconds between two signs of life within a transaction that is used for nothing else."""

_ALIVE = text("SELECT 1")

WriteEvents = Callable[["UnitOfWork", Sequence[Event]], Awaitable[None]]


class Changed(Protocol):
    """A row of a table that is listed by the time of the last change."""

    update_time: datetime


class UnitOfWork:
    """One database transaction, and what belongs to it. What is not committed when its block is left is rolled back.

    Invariants:

    - Rows and events of one unit of work are stored together, or none of them.
    - What is registered by `after_commit` runs once, in order, after a commit that succeeded, and not otherwise. So
      whatever leaves the process (an answer, a command, a wake-up) is registered there, and a transaction that fails
      may be run again from its beginning.
    - The events get their time, their token and their place among others when they are stored, not when they are
      emitted; those of one unit of work stay in order.

    It belongs to the task that opened it: handlers, repositories and observers that are called within it use its
    session, one after the other, and neither in tasks of their own nor after its end. They emit and register, and leave
    the commit to the one who opened it.
    """

    def __init__(
        self, session: AsyncSession, connection: Connection, write_events: WriteEvents, commits: "_Commits"
    ) -> None:
        self.session = session
        self._connection = connection
        self.is_routine = False
        """Whether its commit gives no job anything to do: it only says who lives, or whether the database does."""
        self._write_events = write_events
        self._commits = commits
        self._events: list[Event] = []
        self._has_events = False
        self._is_accompanied = False
        self._stamped: list[Changed] = []
        self._after_commit: list[Callable[[], None]] = []
        self._alive = time.monotonic()
        self._task = asyncio.current_task()

    def emit(self, event: Event) -> None:
        """Have an event stored with this unit of work. Time and token are set when it is stored."""
        self._events.append(event)

    def stamp(self, row: Changed) -> None:
        """Have the `update_time` of a row set to the time of its change (`citrine_core.db.changes`) at the commit.

        It takes one statement in a transaction, whatever the number of rows, and none where no row is stamped.
        """
        self._stamped.append(row)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Have something done once everything is committed, and not otherwise.

        Callbacks run on the event loop before `commit` returns. They must not block, can't use this unit of work any
        more, and may submit, wake and send. An error of one is logged and stops neither the others nor the commit.
        """
        self._after_commit.append(callback)

    async def stay_alive(self) -> None:
        """Show the database once a second that we live: it ends the transaction of who stands still within it."""
        is_due = time.monotonic() - self._alive >= ALIVE_INTERVAL
        # A task that was begun within it must not use its connection meanwhile.
        if is_due and self._connection.in_transaction() and self._task is asyncio.current_task():
            await (await self.session.connection()).execute(_ALIVE)
            self._alive = time.monotonic()

    async def rehearse(self) -> None:
        """Write everything and commit nothing: shows whether the database accepts as much as this.

        Raises:
            DatabaseUnavailable: When it does not.
        """
        await self.write()
        await database_of(self._connection).direct(self._connection).flush()

    async def commit(self, *, at_once: bool = False) -> None:
        """Store everything, then run what waits for the commit, also where the task is cancelled in the middle of it.

        In a call with an idempotency key that is at the end of the call (see `Deferral`).

        Args:
            at_once: In any case now, because the call goes on to wait for what the commit makes others do.

        Raises:
            DatabaseUnavailable: When the database could not commit; nothing was stored.
        """
        deferral = current_deferral()
        if deferral is not None:
            await deferral.commit(self, at_once=at_once)
            return
        await self.write()
        await self.finish()

    async def finish(self) -> None:
        """Commit what is written. Part of `commit`."""
        await _whole(self._commit())

    async def _commit(self) -> None:
        # In one: where the task is cancelled meanwhile, what is committed is announced all the same.
        await greenlet_spawn(self._connection.commit)
        now = time.monotonic()
        if not self.is_routine:
            self._commits.last_commit = now
        if self._has_events:
            self._commits.last_events = now
        self._has_events = self._is_accompanied = False
        callbacks, self._after_commit = self._after_commit, []
        for callback in callbacks:
            try:
                callback()
            except Exception as error:
                # What is committed must not be done again because somebody could not be notified.
                logger.error("what was to follow a commit failed", exc_info=error)

    async def write(self) -> None:
        """Write everything to the database. Part of `commit`."""
        if self._stamped:
            time_of_change = await change_time(self.session, utc_now)
            for row in self._stamped:
                row.update_time = time_of_change
            self._stamped = []
        if self.session.new or self.session.deleted or self.session.dirty:
            await self.session.flush()
        companion = _COMPANION.get()
        if companion is not None and not self._is_accompanied:
            self._is_accompanied = True
            await companion(self)
        if self._events:
            events, self._events, self._has_events = self._events, [], True
            await self._write_events(self, events)


Companion = Callable[[UnitOfWork], Awaitable[None]]
"""Stores something of its own together with each unit of work that is committed, as the audit does."""

_COMPANION: ContextVar[Companion | None] = ContextVar("companion of commits", default=None)


def accompany(companion: Companion) -> None:
    """Call a companion before each commit of this task, and of the tasks that it begins, from now on."""
    _COMPANION.set(companion)


_CURRENT: ContextVar[UnitOfWork | None] = ContextVar("unit of work", default=None)


async def stay_alive() -> None:
    """Have the unit of work of this task stay alive, if it has one open. For long calculations, again and again."""
    work = _CURRENT.get()
    if work is not None:
        await work.stay_alive()


class _Commits:
    """What was committed, by whichever of the factories of one database."""

    last_commit = float("-inf")
    last_events = float("-inf")
    last_written = float("-inf")

    def on_statement(self, connection: Connection, *_: object) -> None:
        """Take note that a statement was executed. Who writes to SQLite has the file's lock from its first one on."""
        if not connection.get_execution_options().get(READ_ONLY, False):
            self.last_written = time.monotonic()


class UnitOfWorkFactory:
    """Opens units of work on one database, from the event loop's thread, for any number of tasks at a time.

    On SQLite, which has one writer, those that write take turns, in the order in which they are opened. So a task that
    has one open must not open another one that writes: on SQLite it would wait for itself, and on PostgreSQL for the
    rows that the first one has changed. One that reads it may open; it sees what was committed before.
    """

    def __init__(self, engine: AsyncEngine, write_events: WriteEvents) -> None:
        judge_errors(engine.sync_engine)
        self._engine = engine
        self._write_events = write_events
        self._commits = _Commits()
        self._write_lock = asyncio.Lock() if database_of(engine).has_one_writer else None
        if self._write_lock is not None:
            event.listen(engine.sync_engine, "after_cursor_execute", self._commits.on_statement)
        self._places: Places | None = None

    @property
    def last_commit(self) -> float:
        """When something was committed last that is not routine, in seconds of `time.monotonic`."""
        return self._commits.last_commit

    @property
    def last_events(self) -> float:
        """When events were committed last, in seconds of `time.monotonic`."""
        return self._commits.last_events

    @property
    def last_sign(self) -> float:
        """When the database was last seen to do what a commit needs, in seconds of `time.monotonic`.

        On SQLite also where a transaction that writes executed a statement: it is its one writer, and the others wait
        for it and not for the database.
        """
        return max(self._commits.last_events, self._commits.last_written)

    async def ping(self) -> None:
        """Wait for a sign that the database works; cheaper than a unit of work.

        Any answer is one. On SQLite it is the lock of the one writer: another process that holds it hinders nobody from
        reading.

        Raises:
            DatabaseUnavailable: When there is none.
        """
        try:
            async with self._write_lock or contextlib.nullcontext():
                connection = await self._engine.raw_connection()
                driver: Any = connection.driver_connection
                try:
                    await driver.execute("SELECT 1" if self._write_lock is None else "BEGIN IMMEDIATE")
                finally:
                    try:
                        if self._write_lock is not None:
                            # Also where the lock comes after the end of our patience.
                            await _whole(driver.rollback())
                    except BaseException:
                        connection.invalidate()
                        raise
                    finally:
                        # Where the pool is full by now, it closes the connection, which waits for the driver.
                        await greenlet_spawn(connection.close)
        except Exception as error:
            raise DatabaseUnavailable from error

    def limited(self, places: Places) -> "UnitOfWorkFactory":
        """Return a factory on the same database that opens only as many at a time as there are places.

        For those whose number and haste are not ours to choose: they must not use all connections. Where there is
        no place, its units of work raise Overloaded.
        """
        factory = copy.copy(self)
        factory._places = places
        return factory

    def __call__(self, *, read_only: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a unit of work for the time of an `async with` block.

        Raises:
            DatabaseUnavailable: From the block, when the database and not a statement failed: judged by what its
                driver raises. What the block raises by itself goes its way.
            Overloaded: When there is no place (see `limited`); the block is not begun.
        """
        return self._open(read_only)

    @contextlib.asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work that is for `rehearse` only: what it writes goes to the disk, and is forgotten."""
        async with self._open(False) as work:
            connection = await work.session.connection()
            async with database_of(connection).rehearsal(connection):
                yield work

    @contextlib.asynccontextmanager
    async def _open(self, read_only: bool) -> AsyncIterator[UnitOfWork]:
        deferral = current_deferral()
        if deferral is not None:
            await deferral.release()
        async with contextlib.AsyncExitStack() as resources:
            if self._places is not None:
                await resources.enter_async_context(self._places.place())
            if self._write_lock is not None and not read_only:
                await resources.enter_async_context(self._write_lock)
            connection = await _begin(self._engine, read_only)
            resources.push_async_callback(_close, connection)
            session = AsyncSession(AsyncConnection(self._engine, connection), expire_on_commit=False)
            remember_connection(session, connection)
            work = UnitOfWork(session, connection, self._write_events, self._commits)
            outer = _CURRENT.get()
            _CURRENT.set(work)
            try:
                yield work
            except Exception as error:
                if _is_cancelled():
                    # A driver that is cancelled in the middle of a statement may fail instead, and hide it.
                    raise asyncio.CancelledError from error
                raise
            finally:
                _CURRENT.set(outer)
                # Callers still read the loaded rows after the block. A rollback of the session would expire them.
                session.expunge_all()
                if deferral is not None:
                    await deferral.retain(work, resources)


async def _begin(engine: AsyncEngine, read_only: bool) -> Connection:
    """Connect and begin at once: a SQLite writer must hold the lock before it reads.

    By the engine and not by the session: all in one switch to a greenlet.
    """

    def begin() -> Connection:
        connection = engine.sync_engine.connect()
        try:
            connection.execution_options(**{READ_ONLY: read_only}).begin()
        except BaseException:
            connection.close()
            raise
        return connection

    try:
        return await greenlet_spawn(begin)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        if is_outage(error):
            raise DatabaseUnavailable from error
        raise


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _close(connection: Connection) -> None:
    """Roll back what was not committed, and return the connection to the pool."""
    try:
        if connection.in_transaction():
            await _whole(greenlet_spawn(connection.close))
        else:
            await greenlet_spawn(connection.close)
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
