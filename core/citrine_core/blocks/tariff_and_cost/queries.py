"""Queries about costs for other blocks."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from citrine_core.blocks.tariff_and_cost.corrections import Total
from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRepository, CorrectionRow
from citrine_core.blocks.tariff_and_cost.corrections.rules import currency_of
from citrine_core.blocks.tariff_and_cost.transaction_costs import CostRepository, Tariffs, breakdown_of
from citrine_core.db import UnitOfWork

__all__ = ["RunningTotals", "SettledCost", "billed_totals", "find_settled_costs", "totals_so_far"]

_Key = tuple[str, str]


class SettledCost(NamedTuple):
    """What a transaction costs: by its final cost, or by a correction."""

    number: int
    """Number of the correction. 0: the final cost."""
    reason: int
    """citrine.api.v1.CostCorrection.Reason"""
    detail: str
    author: str
    tariff_id: str
    """Empty: no tariff applies."""
    tariff_version: int
    cost: bytes | None
    """Serialised citrine.api.v1.Cost. None: no tariff applies, or the cost is not known."""

    @property
    def is_unknown(self) -> bool:
        """Whether a tariff applies and the cost is not known."""
        return bool(self.tariff_id) and self.cost is None


async def find_settled_costs(work: UnitOfWork, tenant_id: str, keys: Collection[_Key]) -> dict[_Key, list[SettledCost]]:
    """Return what settled transactions cost, by station and id: the final cost first, then each correction."""
    if not keys:
        return {}
    rows = await CostRepository(work.session).find_all(tenant_id, keys)
    corrections = await CorrectionRepository(work.session).find_all(tenant_id, keys)
    found: dict[_Key, list[SettledCost]] = {}
    for key in keys:
        row = rows.get(key)
        final = SettledCost(0, 0, "", "", "", 0, None)
        if row is not None and row.tariff_id is not None:
            version = row.tariff_version or 0
            final = final._replace(tariff_id=row.tariff_id, tariff_version=version, cost=row.breakdown)
        found[key] = [final, *(_settled_cost(one) for one in corrections.get(key, ()))]
    return found


def _settled_cost(row: CorrectionRow) -> SettledCost:
    return SettledCost(row.number, row.reason, row.detail, row.author, row.tariff_id, row.tariff_version, row.breakdown)


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


async def totals_so_far(work: UnitOfWork, tenant_id: str, keys: Collection[_Key]) -> Mapping[_Key, Total]:
    """Return what transactions cost by what is stored, by station and id: by the last correction, finally or so far.

    Those of which no cost is known are left out.
    """
    if not keys:
        return {}
    rows = await CostRepository(work.session).find_all(tenant_id, keys)
    known = {key: row for key, row in rows.items() if row.after_tax is not None}
    # A cost has its currency once it is final. Until then it is that of the tariff.
    versions = {
        key: version for key, row in known.items() if row.breakdown is None and (version := row.tariff) is not None
    }
    tariffs = await Tariffs().find(work, tenant_id, versions.values()) if versions else {}
    found = {}
    for key, row in known.items():
        tariff = tariffs.get(versions[key]) if key in versions else None
        currency = currency_of(row.breakdown) if tariff is None else tariff[1].currency
        found[key] = Total(row.before_tax, row.after_tax, currency)
    if final := [key for key, row in known.items() if row.breakdown is not None]:
        for key, last in (await CorrectionRepository(work.session).find_latest(tenant_id, final)).items():
            found[key] = Total(last.before_tax, last.after_tax, currency_of(last.breakdown))
    return found
