"""The job that settles transactions when their time is over."""

from collections.abc import Sequence
from datetime import timedelta

from citrine_core.background import Apart
from citrine_core.blocks.transactions.settlement.repository import SettlementRepository
from citrine_core.blocks.transactions.settlement.settlements import Settlements
from citrine_core.services import Services

__all__ = ["INTERVAL", "DueSettlements"]

INTERVAL = timedelta(seconds=20)
"""Interval of the job."""

MOST_AT_A_TIME = 100
"""Largest number of transactions settled in one database transaction."""


class DueSettlements:
    """Settles transactions whose time is over, each atomically and by one core. One that fails holds up no other."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._settlements = Settlements(services)
        self._apart: Apart[tuple[str, str, str]] = Apart("settlements")

    async def run(self) -> None:
        """Settle all transactions that are due now."""
        passed: int | None = 0
        while passed is not None:
            passed = await self._settle(passed)

    async def _settle(self, passed: int) -> int | None:
        """Settle some of the transactions that are due.

        Args:
            passed: How many of those that are due first are left out: another core is at them.

        Returns:
            How many to leave out next time; None if there are no others.
        """
        now, settled = self._clock(), 0
        async with self._unit_of_work(read_only=True) as work:
            # Usually nothing is due, and then no writer has to wait for this job.
            due = await SettlementRepository(work.session).find_due(now, MOST_AT_A_TIME, passed)
        if not due:
            return None

        async def settle(keys: Sequence[tuple[str, str, str]]) -> None:
            nonlocal settled
            async with self._unit_of_work() as work:
                claimed = await SettlementRepository(work.session).claim_due(now, keys)
                for tenant_id, of_tenant in claimed.items():
                    await self._settlements.settle(work, tenant_id, of_tenant)
                await work.commit()
            settled += len(claimed)

        failed = await self._apart.run_together(due, settle)
        if failed:
            async with self._unit_of_work() as work:
                for key in failed:
                    await SettlementRepository(work.session).postpone(key, now, now + self._apart.pause_of(key))
                await work.commit()
        return 0 if settled else passed + len(due) - len(failed)
