"""The jobs that make charge records: of what was just settled or corrected, and of what was settled before."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from citrine_core.blocks.transactions.queries import find_after
from citrine_core.db import UnitOfWork
from citrine_core.resources.charge_records.due import DueRecord, add_due
from citrine_core.resources.charge_records.making import make_records
from citrine_core.resources.charge_records.repository import ChargeRecordRepository, TransactionKey
from citrine_core.services import Services

__all__ = ["BACKFILL_INTERVAL", "INTERVAL", "Backfill", "DueRecords"]

INTERVAL = timedelta(seconds=1)
"""Interval of the job. What is settled meanwhile is recorded together."""

BACKFILL_INTERVAL = timedelta(seconds=1)

MOST_AT_A_TIME = 200
"""Largest number of transactions recorded in one database transaction."""

AGAIN_AFTER = timedelta(hours=1)
"""Time from the end of the first pass to the second one. Cores of before the upgrade have ended by then."""

RETRY_DELAY = timedelta(minutes=10)
"""Time after which it is tried again to make records that could not be made."""

REST = 0.1
"""Seconds between two parts of what was settled before, for all others."""


class DueRecords:
    """Makes the records that are due, by one core at a time."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def run(self) -> None:
        """Make all that are due now."""
        while await self._make():
            pass

    async def _make(self) -> bool:
        async with self._unit_of_work(read_only=True) as work:
            # Usually nothing is due, and then no writer has to wait for this job.
            if not await ChargeRecordRepository(work.session).has_due(self._clock()):
                return False
        async with self._unit_of_work() as work:
            due = await ChargeRecordRepository(work.session).claim_due(self._clock(), MOST_AT_A_TIME)
            by_tenant: dict[str, dict[TransactionKey, int]] = {}
            for one in due:
                keys = by_tenant.setdefault(one.tenant_id, {})
                key = (one.station_id, one.transaction_id)
                keys[key] = one.reason or keys.get(key, 0)
            # Tenants are locked in the same order everywhere.
            for tenant_id in sorted(by_tenant):
                await _make_records(work, tenant_id, by_tenant[tenant_id], self._clock())
            await work.commit()
        return bool(due)


class Backfill:
    """Makes the records of transactions that were settled before there were records, part by part, without events.

    A second pass records what cores of before the upgrade settled while it was done, with events.
    """

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def run(self) -> None:
        """Make all of them. Another core goes on where this one stops."""
        is_behind = True
        while is_behind:
            is_behind = await self._make()
            # Others have their turn to write.
            await asyncio.sleep(REST)

    async def _make(self) -> bool:
        async with self._unit_of_work() as work:
            repository = ChargeRecordRepository(work.session)
            now = self._clock()
            at = await repository.lock_backfill(now)
            if at is None:
                return False
            is_first = at.number == 1
            found = await find_after(work.session, at.last, MOST_AT_A_TIME, settled_only=True)
            for tenant_id, keys in _by_tenant(found).items():
                # What is settled since then is recorded with events.
                known = await repository.find_awaited(tenant_id, keys) | await repository.find_recorded(tenant_id, keys)
                if wanted := {key: 0 for key in keys if key not in known}:
                    await _make_records(work, tenant_id, wanted, now, publishes=not is_first)
            if found:
                await repository.move_backfill(at.number, found[-1])
            else:
                await repository.end_backfill((2, now + AGAIN_AFTER) if is_first else None)
            await work.commit()
        return bool(found)


async def _make_records(
    work: UnitOfWork, tenant_id: str, keys: Mapping[TransactionKey, int], now: datetime, *, publishes: bool = True
) -> None:
    """Make records; those that can't be made are due again later."""
    failed = await make_records(work, tenant_id, keys, now, publishes=publishes)
    await add_due(work.session, [DueRecord(tenant_id, *key, keys[key], now, now + RETRY_DELAY) for key in failed])


def _by_tenant(found: Iterable[tuple[str, str, str]]) -> Mapping[str, list[TransactionKey]]:
    by_tenant: dict[str, list[TransactionKey]] = {}
    for tenant_id, station_id, transaction_id in found:
        by_tenant.setdefault(tenant_id, []).append((station_id, transaction_id))
    return by_tenant
