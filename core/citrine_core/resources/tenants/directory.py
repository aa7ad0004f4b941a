"""A cache of the tenants that exist, for a few seconds."""

import time
from collections.abc import Callable

from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.tenants.removed import RemovedTenants
from citrine_core.resources.tenants.repository import TenantRepository

__all__ = ["TenantDirectory"]

REMEMBERED = 5.0
"""Seconds for which the existence of a tenant is cached."""


class TenantDirectory:
    """Tells whether a tenant exists without a query for each rpc."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, now: Callable[[], float] = time.monotonic) -> None:
        self._unit_of_work = unit_of_work
        self._now = now
        self._known: dict[str, float] = {}

    async def exists(self, tenant_id: str) -> bool:
        """Return whether a tenant with this id exists; after a deletion it may still return True for 5 seconds.

        Raises:
            DatabaseUnavailable: When the tenant can't be read now.
        """
        now = self._now()
        if self._known.get(tenant_id, 0.0) > now:
            return True
        async with self._unit_of_work(read_only=True) as work:
            found = await TenantRepository(work.session).find(tenant_id) is not None
        # Only tenants that exist are cached, because callers may send any number of other ids.
        if found:
            self._known[tenant_id] = now + REMEMBERED
        else:
            self._known.pop(tenant_id, None)
        return found

    async def was_removed(self, tenant_id: str) -> bool:
        """Return whether there was a tenant with this id.

        Raises:
            DatabaseUnavailable: When that can't be read now.
        """
        async with self._unit_of_work(read_only=True) as work:
            return await RemovedTenants(work.session).has(tenant_id)
