"""What is done now and then: forget what nobody asks for any more, make room for what comes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.db.partitions import add_partitions
from citrine_core.dispatch.repository import HandledMessages
from citrine_core.errors import DatabaseUnavailable
from citrine_core.events import OutboxRepository
from citrine_core.resources.connections import EdgeRepository

__all__ = ["Housekeeping"]

logger = logging.getLogger(__name__)

FIRST_PAUSE = 30.0
"""Seconds after the start until it is done for the first time."""

INTERVAL = 3600.0
"""Seconds between one time and the next."""

REPLIES_KEPT = timedelta(days=30)
"""How long a station may take to repeat a message and be given the same reply."""

EDGES_KEPT = timedelta(days=1)
"""How long an edge is remembered that is gone and holds no session."""


class Housekeeping:
    """Keeps the database tidy; several cores may do so at the same time."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock, event_retention: timedelta) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._event_retention = event_retention

    async def run(self) -> None:
        """Do it every hour until cancelled."""
        await asyncio.sleep(FIRST_PAUSE)
        while True:
            try:
                await self.tidy()
            except DatabaseUnavailable:
                logger.warning("housekeeping waits for the database")
            await asyncio.sleep(INTERVAL)

    async def tidy(self) -> None:
        """Do all of it once, each thing in a transaction of its own, so that none holds up the stations for long."""
        now = self._clock()
        await self._do(lambda work: HandledMessages(work.session).remove_before(now - REPLIES_KEPT))
        await self._do(lambda work: OutboxRepository(work.session).remove_before(now - self._event_retention))
        await self._do(lambda work: EdgeRepository(work.session).remove_before(now - EDGES_KEPT))
        await self._do(lambda work: add_partitions(work.session, now))

    async def _do(self, task: Callable[[UnitOfWork], Awaitable[object]]) -> None:
        async with self._unit_of_work() as work:
            await task(work)
            await work.commit()
