"""Quotas of tenants: how much of something each may have, and the rows that count for them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tenants_pb2 import QuotaKind
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import QuotaExceeded
from citrine_core.jobs import Job
from citrine_core.resources.tenants.models import Tenant

__all__ = ["Counted", "QuotaDirectory", "find_quota", "read_quotas", "what_is_limited", "write_quotas"]

REFRESH = timedelta(seconds=10)
"""Interval at which quotas are read again: how late, at most, a change by another core applies here."""

_PREFIX = "QUOTA_KIND_"

_TABLE = Tenant.__table__.c


def what_is_limited(kind: int) -> str:
    """Return what a quota is of, e.g. "requests per second"."""
    return _name(kind).replace("_", " ")


def read_quotas(stored: str) -> dict[int, int]:
    """Return the quotas of a tenant by kind; kinds of a later version are left out."""
    named = orjson.loads(stored) if stored else {}
    return {kind: named[_name(kind)] for kind in QuotaKind.values() if _name(kind) in named}


def write_quotas(quotas: Mapping[int, int]) -> str:
    """Return quotas in the form to store."""
    named = {_name(kind): most for kind, most in sorted(quotas.items())}
    return orjson.dumps(named).decode() if named else ""


async def find_quota(session: AsyncSession, tenant_id: str, kind: int) -> int | None:
    """Return how much of something a tenant may have; None if it has no quota of it.

    A tenant with that quota is locked until the commit, so that two writers can't both get the last place.
    """
    connection = await session.connection()
    query = select(_TABLE.quotas).where(_TABLE.tenant_id == tenant_id, _TABLE.quotas != "")
    if kind not in read_quotas(await connection.scalar(query) or ""):
        return None
    # Rows that only refer to the tenant may be added meanwhile.
    return read_quotas(await connection.scalar(query.with_for_update(key_share=True)) or "").get(kind)


@dataclass(frozen=True, eq=False)
class Counted:
    """Rows that count for a quota."""

    kind: "QuotaKind.ValueType"
    table: Table
    where: ColumnElement[bool] | None = None
    """Condition of the rows that count. None: all."""

    async def count(self, session: AsyncSession, tenant_id: str) -> int:
        """Return how many rows a tenant has."""
        query = select(func.count()).select_from(self.table).where(self.table.c.tenant_id == tenant_id)
        return await session.scalar(query if self.where is None else query.where(self.where)) or 0

    async def check(self, session: AsyncSession, tenant_id: str, more: int = 1) -> None:
        """Check, until the commit, that a tenant may have so many rows more.

        Raises:
            QuotaExceeded: When it may not.
        """
        most = await find_quota(session, tenant_id, self.kind)
        if most is not None and await self.count(session, tenant_id) + more > most:
            raise QuotaExceeded(what_is_limited(self.kind), most)


class QuotaDirectory:
    """Quotas of all tenants, in memory, for what can't ask the database each time.

    They are read at the start and at an interval, and when this core changes one.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self._unit_of_work = unit_of_work
        self._quotas: dict[str, dict[int, int]] = {}
        self._refreshing = asyncio.Lock()
        self.job = Job("quotas of tenants", REFRESH, self.refresh, at_start=True)

    @classmethod
    def of(cls, services: Any) -> "QuotaDirectory":
        """Return the directory of this core; it is created on the first call."""
        found: QuotaDirectory | None = services.shared.get(cls)
        if found is None:
            found = services.shared[cls] = cls(services.unit_of_work)
        return found

    def connections_of(self, tenant_id: str) -> int | None:
        """Return how many stations of a tenant may be connected; None: any number."""
        return self._quotas.get(tenant_id, {}).get(QuotaKind.QUOTA_KIND_CONNECTIONS)

    def requests_of(self, tenant_id: str) -> int | None:
        """Return how many rpcs a tenant may begin within a second; None: any number."""
        return self._quotas.get(tenant_id, {}).get(QuotaKind.QUOTA_KIND_REQUESTS_PER_SECOND)

    async def refresh(self) -> None:
        """Read the quotas of all tenants that have any."""
        # One after another, so that an older reading does not replace a newer one.
        async with self._refreshing, self._unit_of_work(read_only=True) as work:
            rows = await work.session.execute(select(_TABLE.tenant_id, _TABLE.quotas).where(_TABLE.quotas != ""))
            self._quotas = {tenant_id: read_quotas(stored) for tenant_id, stored in rows}


def _name(kind: int) -> str:
    return QuotaKind.Name(QuotaKind.ValueType(kind)).removeprefix(_PREFIX).lower()
