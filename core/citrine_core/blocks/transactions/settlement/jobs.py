"""The job that settles transactions when their time is over."""

from datetime import timedelta

from citrine_core.blocks.transactions.settlement.repository import SettlementRepository
from citrine_core.blocks.transactions.settlement.settlements import Settlements
from citrine_core.services import Services

__all__ = ["INTERVAL", "DueSettlements"]

INTERVAL = timedelta(seconds=20)
"""Interval of the job."""

MOST_AT_A_TIME = 100
"""Largest number of transactions settled in one database transaction."""


class DueSettlements:
    """Settles transactions whose time is over, each atomically and by one core."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._settlements = Settlements(services)

    async def run(self) -> None:
        """Settle all transactions that are due now."""
        while await self._settle():
            pass

    async def _settle(self) -> bool:
        now = self._clock()
        async with self._unit_of_work(read_only=True) as work:
            # Usually nothing is due, and then no writer has to wait for this job.
            if not await SettlementRepository(work.session).has_due(now):
                return False
        async with self._unit_of_work() as work:
            due = await SettlementRepository(work.session).claim_due(now, MOST_AT_A_TIME)
            for tenant_id, keys in due.items():
                await self._settlements.settle(work, tenant_id, keys)
            await work.commit()
        return bool(due)
