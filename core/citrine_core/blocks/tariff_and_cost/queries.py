"""Queries about costs for other blocks."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRepository
from citrine_core.blocks.tariff_and_cost.transaction_costs import CostRepository, Tariffs, breakdown_of
from citrine_core.db import UnitOfWork

__all__ = ["RunningTotals", "billed_totals"]

_Key = tuple[str, str]


class RunningTotals:
    """The current totals of transactions, with tax."""

    def __init__(self) -> None:
        self._tariffs = Tariffs()

    async def find(
        self, work: UnitOfWork, tenant_id: str, keys: Collection[_Key], now: datetime
    ) -> Mapping[_Key, Decimal]:
        """Return the known totals of transactions, by station and id.

        They are computed up to the same time as the running cost that is sent to stations.
        """
        rows = await CostRepository(work.session).find_all(tenant_id, keys)
        versions = {key: version for key, row in rows.items() if row.accrual and (version := row.tariff) is not None}
        tariffs = await self._tariffs.find(work, tenant_id, versions.values())
        return {
            key: Decimal(breakdown_of(rows[key], tariffs[version][1], now).total.after_tax)
            for key, version in versions.items()
            if version in tariffs
        }


async def billed_totals(work: UnitOfWork, tenant_id: str, keys: Collection[_Key]) -> Mapping[_Key, Decimal]:
    """Return the totals of transactions with tax, by station and id: of the last correction, else as stored."""
    if not keys:
        return {}
    rows = await CostRepository(work.session).find_all(tenant_id, keys)
    corrections = await CorrectionRepository(work.session).find_latest(tenant_id, keys)
    stored = {key: Decimal(row.after_tax) for key, row in rows.items() if row.after_tax}
    return stored | {key: Decimal(row.after_tax) for key, row in corrections.items()}
