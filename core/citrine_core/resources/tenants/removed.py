"""Removed tenants: their ids, which are never used again, and the rows that are left of them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import CursorResult, delete, exists, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Listed, Page
from citrine_core.db.tables import metadata
from citrine_core.resources.tenants.models import RemovedTenant

__all__ = ["HISTORY", "RETAINED", "RemovedTenants"]

RETAINED = frozenset(
    {
        "audit_records",
        "charge_record_backfills",
        "charge_record_heads",
        "charge_records",
        "cost_corrections",
        "due_charge_records",
        "erasures",
        "outbox",
        "removed_tenants",
        "reservation_costs",
        "settlement_actions",
        "tariff_versions",
        "tenants",
        "transaction_costs",
        "transaction_events",
        "transactions",
    }
)
"""Tables of what is retained of a removed tenant, as long as settings say: what bills are made of, the audit, and
events, which subscribers may not have yet; and tables that are no tenant's own."""

PURGED = (
    "authorization_records",
    "commands",
    "connection_records",
    "connections",
    "connector_statuses",
    "counted_transactions",
    "custom_messages",
    "data_transfers",
    "evse_downtimes",
    "evse_services",
    "firmware_statuses",
    "handled_messages",
    "idempotency_keys",
    "operation_stations",
    "poisoned_messages",
    "reservations",
    "rollups",
    "samples",
    "security_events",
    "station_events",
    "tariff_assignments",
    "unmatched_ends",
)
"""Tables of the rest of its history, which may have more rows than one transaction should remove; and assignments of
tariffs, by which what is not billed yet is billed."""

HISTORY = RETAINED | frozenset(PURGED)
"""Tables that have rows of a tenant after its removal."""


class RemovedTenants:
    """Reads removed tenants, and removes their history, within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def has(self, tenant_id: str) -> bool:
        """Return whether a tenant was removed that had this id."""
        return bool(await self._session.scalar(select(exists().where(RemovedTenant.tenant_id == tenant_id))))

    async def list(self, page: Page) -> Listed[RemovedTenant]:
        """Return removed tenants in the order of their ids."""
        return await page.read(self._session, select(RemovedTenant), RemovedTenant.tenant_id)

    async def list_ids(self) -> Sequence[str]:
        """Return the ids of all of them."""
        return (await self._session.scalars(select(RemovedTenant.tenant_id))).all()

    async def list_unpurged(self) -> Sequence[str]:
        """Return the ids of those that may have rows that are to be removed, in the order of their removal."""
        waiting = select(RemovedTenant.tenant_id).where(RemovedTenant.purge_time.is_(None))
        return (await self._session.scalars(waiting.order_by(RemovedTenant.remove_time))).all()

    async def purge(self, tenant_id: str, limit: int) -> bool:
        """Remove some rows of the history of one of them; return False if there were none."""
        for name in PURGED:
            table = metadata().tables[name]
            key = list(table.primary_key.columns)
            some = select(*key).where(table.c.tenant_id == tenant_id).limit(limit)
            statement = delete(table).where(table.c.tenant_id == tenant_id, tuple_(*key).in_(some))
            removed = await self._session.execute(statement)
            if isinstance(removed, CursorResult) and removed.rowcount > 0:
                return True
        return False

    async def mark_purged(self, tenant_id: str, now: datetime) -> None:
        """Store that nothing is left of one of them to be removed."""
        done = update(RemovedTenant).where(RemovedTenant.tenant_id == tenant_id)
        await self._session.execute(done.values(purge_time=now))
