"""Queries of the tenants."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Listed, Page
from citrine_core.db.tables import metadata, own_tables
from citrine_core.errors import AlreadyExists, FailedPrecondition, NotFound
from citrine_core.resources.stations.queries import tenant_has_stations
from citrine_core.resources.tenants.models import RemovedTenant, Tenant
from citrine_core.resources.tenants.removed import HISTORY

__all__ = ["TenantRepository"]


class TenantRepository:
    """Reads and writes tenants within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, tenant_id: str) -> Tenant | None:
        """Return a tenant, or None if there is none with this id."""
        return await self._session.get(Tenant, tenant_id)

    async def get(self, tenant_id: str, *, for_update: bool = False) -> Tenant:
        """Return a tenant.

        Raises:
            NotFound: When there is none of this id.
        """
        found = await self._session.get(Tenant, tenant_id, with_for_update=for_update or None)
        if found is None:
            raise NotFound("tenant", tenant_id)
        return found

    async def list(self, page: Page) -> Listed[Tenant]:
        """Return tenants in the order of their ids."""
        return await page.read(self._session, select(Tenant), Tenant.tenant_id)

    async def add(self, tenant: Tenant) -> None:
        """Store a new tenant.

        Raises:
            AlreadyExists: When there is one of this id, or was one.
        """
        # A removal that is under way holds the row of the tenant, or has added that of the removed one.
        if await self._session.get(RemovedTenant, tenant.tenant_id) is not None:
            raise AlreadyExists("removed tenant", tenant.tenant_id)
        self._session.add(tenant)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise AlreadyExists("tenant", tenant.tenant_id) from error

    async def remove(self, tenant: Tenant, now: datetime) -> None:
        """Remove a tenant with everything that it configured: tokens, keys, tariffs and so on.

        Its history is removed in the background: see `citrine_core.tenant_removal`.

        Raises:
            FailedPrecondition: When it has stations.
        """
        tenant_id = tenant.tenant_id
        if await tenant_has_stations(self._session, tenant_id):
            raise FailedPrecondition(f"tenant {tenant_id} has stations")
        # Rows that refer to others are deleted first.
        removed = own_tables() - HISTORY
        for table in reversed(metadata().sorted_tables):
            if "tenant_id" in table.c and table.name in removed:
                await self._session.execute(delete(table).where(table.c.tenant_id == tenant_id))
        self._session.add(
            RemovedTenant(
                tenant_id=tenant_id,
                display_name=tenant.display_name,
                create_time=tenant.create_time,
                remove_time=now,
            )
        )
        await self._session.delete(tenant)
        try:
            await self._session.flush()
        except IntegrityError as error:
            # A station was registered concurrently.
            raise FailedPrecondition(f"tenant {tenant_id} has stations") from error
