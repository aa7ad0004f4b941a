"""Health of the database: outages, and the write probes that detect their end."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from citrine_core.clock import Clock
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable
from citrine_core.link.repository import write_probe

__all__ = ["Health", "Rehearse"]

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.25
"""Seconds between the first two probes of an outage; the pauses grow."""

LONGEST_PAUSE = 1.0
"""Longest pause between probes, in seconds."""

PROBE_TIMEOUT = 5.0
"""Seconds that a probe may take."""

PATIENCE = 3.0
"""Seconds that the database may take for a probe before it counts as hanging."""

REHEARSAL_TIMEOUT = 30.0
"""Seconds that the rehearsal of a batch may take."""

HOLD_TIMES = (0.0, 6.0, 15.0, 30.0, 60.0)
"""Seconds that commits must succeed before an outage ends: for the first outage, the second in a row, and so on.

A message that a station sends into an outage costs it one of a few attempts; while no core serves, it costs none. A
database that flaps must therefore not count as available."""

QUIET_TIME = 300.0
"""Seconds without an outage after which the next one counts as the first again."""

Rehearse = Callable[[], Awaitable[None]]
"""Repeats what failed, without a commit. Raises DatabaseUnavailable while the database fails."""


class Health:
    """Tracks whether the database commits. Whoever sees it fail calls `failed`, and awaits `recovered`.

    Must be used on the event loop's thread only. `failed` may be called at any time, also from within `announce`.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        announce: Called on each change: with False at the start of an outage, with True at its end.
    """

    def __init__(
        self, unit_of_work: UnitOfWorkFactory, clock: Clock, announce: Callable[[bool], Awaitable[None]]
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._announce = announce
        self._up = asyncio.Event()
        self._up.set()
        self._down = asyncio.Event()
        self._failures = 0
        self._rehearsals: list[Rehearse] = []
        self._outages_in_a_row = 0
        self._is_felt = False
        self._served_since = float("-inf")

    @property
    def serving(self) -> bool:
        """True while no outage is known."""
        return self._up.is_set()

    async def probe(self, seconds: float = PROBE_TIMEOUT) -> bool:
        """Return whether a write can be committed now, within so many seconds."""
        try:
            async with asyncio.timeout(seconds), self._unit_of_work() as work:
                work.is_routine = True
                await write_probe(work.session, self._clock())
                await work.commit()
        except (DatabaseUnavailable, TimeoutError):
            return False
        return True

    def failed(
        self, error: BaseException | None = None, rehearse: Rehearse | None = None, *, is_felt: bool = True
    ) -> None:
        """Report that the database failed. Starts an outage, if none is under way; never blocks.

        Args:
            error: The reason, for the log.
            rehearse: Repeats what failed; the outage lasts at least until it succeeds. None: until commits succeed.
            is_felt: Whether something waited for the database. An outage that nothing felt is none of those in a row:
                who holds a file for seconds, again and again, must not close the sockets of idle stations.
        """
        self._failures += 1
        self._is_felt = self._is_felt or is_felt
        if rehearse is not None:
            self._rehearsals.append(rehearse)
        if self._up.is_set():
            logger.error("the database is not available%s", _reason(error))
            self._up.clear()
            self._down.set()

    async def recovered(self) -> None:
        """Wait until no outage is under way."""
        await self._up.wait()

    async def run(self) -> None:
        """Probe during outages until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._down.wait()
            began = loop.time()
            await self._announce(False)
            if began - self._served_since > QUIET_TIME:
                self._outages_in_a_row = 0
            hold_time = HOLD_TIMES[min(self._outages_in_a_row, len(HOLD_TIMES) - 1)] if self._is_felt else 0.0
            await self._commits_for(hold_time)
            self._outages_in_a_row += self._is_felt
            self._is_felt = False
            self._rehearsals.clear()
            self._down.clear()
            self._up.set()
            self._served_since = loop.time()
            logger.info("the database is available again, after %.1f s", self._served_since - began)
            try:
                await self._announce(True)
            except Exception:
                # An edge that was not notified would go on to queue its calls, so announce again.
                self._up.clear()
                self._down.set()
                raise

    async def _commits_for(self, seconds: float) -> None:
        """Wait until every probe and rehearsal succeeded for so many seconds."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        failures, good_since = self._failures, loop.time()
        while True:
            if not await self._commits() or failures != self._failures:
                # Failures that others reported between two probes count as well.
                failures, good_since = self._failures, loop.time()
            elif loop.time() - good_since >= seconds:
                return
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 1.5, LONGEST_PAUSE)

    async def _commits(self) -> bool:
        """Return whether a write can be committed, and the failed work repeated."""
        if not await self.probe(PATIENCE):
            return False
        for rehearse in list(self._rehearsals):
            try:
                async with asyncio.timeout(REHEARSAL_TIMEOUT) as limit:
                    await rehearse()
            except DatabaseUnavailable:
                return False
            except Exception:
                # Not an outage: it fails by itself, and will be poisoned when it is handled again.
                if limit.expired():
                    return False
        return True


def _reason(error: BaseException | None) -> str:
    """Return the driver's message, in one line and cut."""
    cause = error.__cause__ if isinstance(error, DatabaseUnavailable) else error
    text = " ".join(str(cause).split()) if cause is not None else ""
    return f": {text[:300]}" if text else ""
