"""Queries of the plans."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine_core.blocks.smart_charging.capacity.models import CapacityPlan
from citrine_core.db import Due, Listed, Page, UnitOfWork
from citrine_core.db.bulk import BulkInsert

__all__ = ["PlanRepository", "forget_plan"]

_ADD = BulkInsert(CapacityPlan.metadata.tables["charging_plans"], ignore=True, key=("tenant_id", "station_id"))


class PlanRepository:
    """Reads and writes the charging plans of stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, tenant_id: str, station_id: str) -> CapacityPlan | None:
        """Return the plan of a station; None if it has none."""
        return await self._session.get(CapacityPlan, (tenant_id, station_id), populate_existing=True)

    async def ensure(
        self, tenant_id: str, station_id: str, cause: pb.ChargingPlanCause.ValueType, text: str, now: datetime
    ) -> None:
        """Create the plan of a station if it has none, and make it due now."""
        row = {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "state": pb.CHARGING_PLAN_STATE_CHANGING,
            "plan": b"",
            "sent": b"{}",
            "verify": False,
            "cause": cause,
            "cause_text": text[:200],
            "due_time": now,
            "create_time": now,
            "update_time": now,
        }
        await _ADD.execute_mappings(self._session, [row])
        await self.mark(tenant_id, [station_id], now, cause=cause, text=text)

    async def mark(
        self,
        tenant_id: str,
        station_ids: Collection[str],
        now: datetime,
        *,
        cause: pb.ChargingPlanCause.ValueType | None = None,
        text: str = "",
        verify: bool = False,
    ) -> None:
        """Make the plans of stations due now; stations without a plan are ignored.

        Args:
            tenant_id: Tenant of the stations.
            station_ids: The stations.
            now: The current time.
            cause: The cause. None: the stored cause does not change.
            text: Details of the cause, for people.
            verify: True: the profiles of the stations must be resent.
        """
        values: dict[str, Any] = {"due_time": now}
        if cause is not None:
            values |= {"cause": cause, "cause_text": text[:200]}
        if verify:
            values["verify"] = True
        row = CapacityPlan
        await self._session.execute(
            update(row)
            .where(row.tenant_id == tenant_id, row.station_id.in_(sorted(station_ids)))
            .values(values)
            .execution_options(synchronize_session=False)
        )

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which a plan is next to be looked at."""
        return select(func.min(CapacityPlan.due_time))

    async def is_any_due(self, now: datetime) -> bool:
        """Return whether any plan is due."""
        query = select(CapacityPlan.station_id).where(CapacityPlan.due_time <= now).limit(1)
        return await self._session.scalar(query) is not None

    async def claim(self, now: datetime, until: datetime) -> tuple[str, str] | None:
        """Claim a due plan until a time, and return its tenant and station; None if none is due."""
        row = CapacityPlan
        query = select(row).where(row.due_time <= now).order_by(row.due_time).limit(1)
        found = (await self._session.scalars(query.with_for_update(skip_locked=True))).one_or_none()
        if found is None:
            return None
        found.due_time = until
        return found.tenant_id, found.station_id

    async def store(
        self, tenant_id: str, station_id: str, claimed: datetime, due_time: datetime, **columns: Any
    ) -> None:
        """Store a plan, and when it is due next unless a trigger has made it due since it was claimed."""
        row = CapacityPlan
        key = (row.tenant_id == tenant_id, row.station_id == station_id)
        statement = update(row).execution_options(synchronize_session=False)
        await self._session.execute(statement.where(*key).values(columns))
        await self._session.execute(statement.where(*key, row.due_time == claimed).values(due_time=due_time))

    async def remove(self, tenant_id: str, station_id: str) -> None:
        """Remove the plan of a station."""
        row = CapacityPlan
        await self._session.execute(delete(row).where(row.tenant_id == tenant_id, row.station_id == station_id))

    async def states(self, tenant_id: str) -> dict[str, int]:
        """Return the states of a tenant's plans, by station."""
        rows = await self._session.execute(
            select(CapacityPlan.station_id, CapacityPlan.state).where(CapacityPlan.tenant_id == tenant_id)
        )
        return {row[0]: row[1] for row in rows}

    async def list(self, tenant_id: str, page: Page) -> Listed[CapacityPlan]:
        """Return plans by station."""
        query = select(CapacityPlan).where(CapacityPlan.tenant_id == tenant_id)
        return await page.read(self._session, query, CapacityPlan.station_id)


async def forget_plan(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the plan of a station that is removed."""
    await PlanRepository(work.session).remove(tenant_id, station_id)
