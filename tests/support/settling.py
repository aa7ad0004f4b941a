"""Settles what is due some time, as if that time had come."""

import asyncio

from sqlalchemy import exists, select, update

from citrine_core.blocks.transactions.settlement import DueSettlements
from citrine_core.db.tables import metadata
from tests.support.core import RunningCore
from tests.support.waiting import WAIT

__all__ = ["settle_all"]


async def settle_all(core: RunningCore, runs: int = 1) -> None:
    """Have the time come of all that is due some time, and settle it, in several runs at once where wanted.

    The core's own job may be at some of it: then it is waited for.
    """
    table, services = metadata().tables["transactions"], core.core.services
    async with core.core.unit_of_work() as work:
        waits = table.c.settle_due_time.is_not(None)
        await work.session.execute(update(table).where(waits).values(settle_due_time=services.clock()))
        await work.commit()
    due = select(exists().where(table.c.settle_due_time <= services.clock()))
    async with asyncio.timeout(WAIT):
        while True:
            await asyncio.gather(*(DueSettlements(services).run() for _ in range(runs)))
            async with core.core.unit_of_work(read_only=True) as work:
                if not await work.session.scalar(due):
                    return
            await asyncio.sleep(0.01)
