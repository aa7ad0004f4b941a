"""Whether this core can commit, and the write probe that finds out when it can again."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from citrine_core.clock import Clock
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable
from citrine_core.link.repository import write_probe

__all__ = ["Health"]

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.25
"""Seconds until the second probe of an outage; each pause is longer than the last."""

LONGEST_PAUSE = 1.0
"""Seconds between probes at most."""

PROBE_TIMEOUT = 5.0
"""Seconds that a probe may take."""


class Health:
    """Knows whether the database commits. Everybody who sees it fail says so here and waits here.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        announce: Told of each change: False at the start of an outage, True at its end.
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

    @property
    def serving(self) -> bool:
        """True while commits succeed, as far as we know."""
        return self._up.is_set()

    async def probe(self) -> bool:
        """Tell whether a write can be committed now."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT), self._unit_of_work() as work:
                await write_probe(work.session, self._clock())
                await work.commit()
        except (DatabaseUnavailable, TimeoutError):
            return False
        return True

    def failed(self) -> None:
        """Say that the database failed. Edges are told, and probes begin; returns at once."""
        if self._up.is_set():
            logger.error("the database is not available")
            self._up.clear()
            self._down.set()

    async def recovered(self) -> None:
        """Wait until the database commits."""
        await self._up.wait()

    async def run(self) -> None:
        """Probe through outages until cancelled."""
        while True:
            await self._down.wait()
            await self._announce(False)
            pause = FIRST_PAUSE
            while not await self.probe():
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))
                pause = min(pause * 1.5, LONGEST_PAUSE)
            self._down.clear()
            self._up.set()
            logger.info("the database is available again")
            await self._announce(True)
