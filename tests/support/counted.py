"""Counts all that statistics are to count, as the core's own jobs do a little later."""

import asyncio

from citrine_core.events import OutboxRepository
from citrine_core.resources.statistics.jobs import Backfill, Counting
from citrine_core.resources.statistics.repository import StatisticsRepository
from tests.support.core import RunningCore

__all__ = ["count_all"]


async def count_all(core: RunningCore) -> None:
    """Count all events that are stored by now, and what was stored before there were statistics.

    The core's own jobs may be at some of it: then they are waited for.
    """
    services = core.core.services
    counting = Counting(services)
    async with asyncio.timeout(20):
        while True:
            await Backfill(services).run()
            await counting.run()
            async with core.core.unit_of_work(read_only=True) as work:
                cursor = await StatisticsRepository(work.session).find_cursor()
                if cursor.event_id >= await OutboxRepository(work.session).head() and not cursor.stage:
                    return
