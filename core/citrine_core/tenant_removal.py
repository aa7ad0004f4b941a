"""Removes in the background what is left of removed tenants, once nobody needs it for a bill any more."""

from datetime import datetime

from citrine_core.blocks.reservation import ReservationRepository
from citrine_core.blocks.transactions.settlement import SettlementRepository
from citrine_core.db import UnitOfWork
from citrine_core.resources.charge_records import has_due_records
from citrine_core.resources.tenants import RemovedTenants

__all__ = ["purge_removed_tenants"]


async def purge_removed_tenants(work: UnitOfWork, now: datetime, limit: int) -> bool:
    """Remove some rows of a removed tenant; return False if there are none that can be removed now.

    A tenant with transactions that wait for their settlement, or for their charge record, or with reservations that are
    to be billed, has its turn afterwards.
    """
    removed = RemovedTenants(work.session)
    for tenant_id in await removed.list_unpurged():
        if await SettlementRepository(work.session).has_unsettled(tenant_id):
            continue
        if await has_due_records(work.session, tenant_id):
            continue
        if await ReservationRepository(work.session).has_unbilled_of(tenant_id):
            continue
        if not await removed.purge(tenant_id, limit):
            await removed.mark_purged(tenant_id, now)
        return True
    return False
