"""The watchdog: detects a database that hangs, even while idle, and ends the connections to it."""

import asyncio
import logging
import time
from collections.abc import Callable

from sqlalchemy import Pool

from citrine_core.clock import Clock
from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.postgres import AbortablePool, end_standing_sessions
from citrine_core.errors import DatabaseUnavailable
from citrine_core.link.health import PATIENCE, Health
from citrine_core.link.repository import write_probe

__all__ = ["Watchdog"]

logger = logging.getLogger(__name__)

TICK = 0.25
"""Seconds between checks. Most of them need no query."""

QUIET_TIME = 1.0
"""Seconds without a sign of life of the database after which it is probed.

With TICK and PATIENCE, a hanging database is detected within 5 seconds."""

IDLE_INTERVAL = 10.0
"""Seconds between probes with a commit while the core is idle."""


class Watchdog:
    """Probes the database if it shows no other sign of life, and calls `health.failed()` if a probe fails.

    Committed events are sufficient signs: they took the whole path of a message. Without them, while work is waiting,
    and periodically, a **whole probe** takes the same path: it inserts an event, reads the horizon, deletes the event
    and commits. A **short probe** only reads; it is used if the database is another process. Both end sessions of other
    cores that are idle in a transaction. While nothing is committed and nobody waits, there are none to be ended: then
    the probe is a **ping**, and only for those who rely on a notification: edges, and who watches the health.

    Time during which our own event loop was blocked does not count, so neither a suspended core nor a busy one takes
    the database for dead. The same holds for a core whose own long transaction blocks SQLite, which has one writer. If
    a probe is not answered, all connections are ended, so that nobody waits for further timeouts.

    Args:
        unit_of_work: Opens transactions.
        pool: Connections to the database.
        health: Is notified of failures, and knows whether an outage is under way.
        waiting: Returns how many items wait for a transaction.
        clock: Returns the time now.
        is_relied_on: Returns whether anybody must be notified of an outage before there is something to commit.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        pool: Pool,
        health: Health,
        waiting: Callable[[], int],
        clock: Clock,
        is_relied_on: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_relied_on = is_relied_on
        self._unit_of_work = unit_of_work
        self._pool = pool
        self._health = health
        self._waiting = waiting
        self._clock = clock
        self._heard = self._committed = float("-inf")
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(TICK)
            try:
                await self._look()
            except Exception as error:
                # A bug here must not leave the database unwatched.
                logger.error("the database could not be watched", exc_info=error)

    async def refresh(self) -> bool:
        """Return whether the database commits, as it was QUIET_TIME ago at most; after PATIENCE where it hangs.

        May be called at any time and by several; they share a probe.
        """
        async with self._lock:
            if self._health.serving and self._age_of_commit() >= QUIET_TIME:
                await self._check(whole=True)
            return self._health.serving

    async def _look(self) -> None:
        async with self._lock:
            if not self._health.serving:
                return
            age = self._age_of_commit()
            if age >= IDLE_INTERVAL or (age >= QUIET_TIME and self._waiting()):
                await self._check(whole=True)
            elif time.monotonic() - self._heard >= QUIET_TIME:
                since_commit = time.monotonic() - self._unit_of_work.last_commit
                if since_commit < IDLE_INTERVAL and isinstance(self._pool, AbortablePool):
                    await self._check(whole=False)
                elif since_commit >= QUIET_TIME and self._is_relied_on():
                    await self._check(whole=False, is_idle=True)

    def _age_of_commit(self) -> float:
        return time.monotonic() - max(self._committed, self._unit_of_work.last_events)

    async def _check(self, *, whole: bool, is_idle: bool = False) -> None:
        began = time.monotonic()
        probe = asyncio.ensure_future(self._unit_of_work.ping() if is_idle else self._probe(whole))
        try:
            has_answer = await _is_done_within(PATIENCE, probe)
        finally:
            probe.cancel()
        if has_answer:
            try:
                probe.result()
            except DatabaseUnavailable as error:
                logger.warning("the database failed a probe: %s", error.__cause__ or error)
                self._health.failed(is_felt=self._is_felt(is_idle))
            else:
                self._heard = time.monotonic()
                self._committed = self._heard if whole else self._committed
        elif self._unit_of_work.last_sign >= began:
            # It is busy with our own work.
            self._heard = self._committed = time.monotonic()
        else:
            logger.error("the database does not answer")
            self._health.failed(is_felt=self._is_felt(is_idle))
            if isinstance(self._pool, AbortablePool):
                self._pool.abort()

    def _is_felt(self, is_idle: bool) -> bool:
        return not is_idle or self._waiting() > 0

    async def _probe(self, whole: bool) -> None:
        try:
            await self._ask(whole)
        except DatabaseUnavailable:
            # A pooled connection may have broken unnoticed. The next one is new.
            await self._ask(whole)

    async def _ask(self, whole: bool) -> None:
        async with self._unit_of_work(read_only=not whole) as work:
            if isinstance(self._pool, AbortablePool) and (ended := await end_standing_sessions(work.session)):
                logger.warning("sessions of cores that stand still were ended", extra={"pids": ended})
            if whole:
                work.is_routine = True
                await write_probe(work.session, self._clock())
                await work.commit()


async def _is_done_within(seconds: float, task: "asyncio.Future[None]") -> bool:
    """Wait for a task. However long our own loop was blocked, it counts as one tick."""
    for _ in range(round(seconds / TICK)):
        done, _ = await asyncio.wait({task}, timeout=TICK)
        if done:
            return True
    return False
