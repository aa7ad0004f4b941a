"""Removes in the background what is left of removed tenants, once nobody needs it for a bill any more."""

from datetime import datetime

from citrine_core.blocks.transactions.settlement import SettlementRepository
from citrine_core.db import UnitOfWork
from citrine_core.resources.charge_records import has_due_records
from citrine_core.resources.tenants import RemovedTenants

__all__ = ["purge_removed_tenants"]


async def purge_removed_tenants(work: UnitOfWork, now: datetime, limit: int) -> bool:
    """Remove some rows of a removed tenant; return False if there are none that can be removed now.

    A tenant with transactions that wait for their settlement, or for their charge record, has its turn afterwards.
    """
    removed = RemovedTenants(work.session)
    for tenant_id in await removed.list_unpurged():
        unsettled = await SettlementRepository(work.session).has_unsettled(tenant_id)
        if unsettled or await has_due_records(work.session, tenant_id):
            continue
        if not await removed.purge(tenant_id, limit):
            await removed.mark_purged(tenant_id, now)
        return True
    return False
