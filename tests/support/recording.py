"""Makes all charge records that are due, as the core's own job does a little later."""

import asyncio

from citrine_core.resources.charge_records.jobs import DueRecords
from citrine_core.resources.charge_records.repository import ChargeRecordRepository
from tests.support.core import RunningCore
from tests.support.waiting import WAIT

__all__ = ["record_all"]


async def record_all(core: RunningCore, runs: int = 1) -> None:
    """Make all charge records that are due, in several runs at once where wanted.

    The core's own job may be at some of them: then it is waited for.
    """
    async with asyncio.timeout(WAIT):
        while True:
            await asyncio.gather(*(DueRecords(core.core.services).run() for _ in range(runs)))
            async with core.core.unit_of_work(read_only=True) as work:
                if not await ChargeRecordRepository(work.session).has_due(core.core.services.clock()):
                    return
