"""Queries of refusals and of tolerance rules."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import bindparam, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.db import ANY_TIME, Listed, Page, Span, one_of
from citrine_core.db.bulk import BulkUpsert, given
from citrine_core.errors import NotFound
from citrine_core.resources.refusals.models import RefusalRow, ToleranceRuleRow
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["RefusalKey", "RefusalRepository", "ToleranceRepository"]

RefusalKey: TypeAlias = tuple[str, int, str, str, str, str, str]
"""Station, outcome, action, event type, code, path and rule."""

_TABLE = RefusalRow.metadata.tables["refusals"]
_RULES = ToleranceRuleRow.metadata.tables["tolerance_rules"]

_KEY = ("station_id", "outcome", "action", "event_type", "code", "path", "rule_id")

_ADD = BulkUpsert(
    _TABLE,
    key=("tenant_id", *_KEY),
    overwrite=("description", "last_time", "last_frame", "remedies"),
    changes={"count": _TABLE.c.count + given(_TABLE, "count")},
)


class RefusalRepository:
    """Refusals of messages of stations."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(self, tenant_id: str, keys: Collection[RefusalKey]) -> dict[RefusalKey, tuple[int, datetime]]:
        """Return count and last time of those that are stored."""
        columns = tuple(_TABLE.c[name] for name in _KEY)
        rows = await self._session.execute(
            select(*columns, _TABLE.c.count, _TABLE.c.last_time).where(
                _TABLE.c.tenant_id == tenant_id, one_of(columns, keys)
            )
        )
        return {(row[0], row[1], row[2], row[3], row[4], row[5], row[6]): (row[7], row[8]) for row in rows}

    async def counts_of(self, tenant_id: str, station_ids: Collection[str]) -> dict[str, int]:
        """Return the number of rows of each station."""
        columns = _TABLE.c
        rows = await self._session.execute(
            select(columns.station_id, func.count())
            .where(columns.tenant_id == tenant_id, one_of(columns.station_id, station_ids))
            .group_by(columns.station_id)
        )
        return {row[0]: row[1] for row in rows}

    async def add_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Upsert rows with distinct keys: the count is added to the stored one, the rest is replaced."""
        # Sorted, so that two cores can't deadlock.
        ordered = sorted(rows, key=lambda row: (row["tenant_id"], *(row[name] for name in _KEY)))
        await _ADD.execute_mappings(self._session, ordered)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        action: str,
        outcome: int,
        last: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[RefusalRow]:
        """Return refusals, the latest first.

        Args:
            tenant_id: Of the stations.
            page: Which of them.
            station_id: Only of this one. Empty: of all.
            action: Only of this one. Empty: of all.
            outcome: Only this one. 0: any.
            last: Only those that happened last in this time.
            stations: Only of these. None: of all.
        """
        key = (RefusalRow.last_time, *(getattr(RefusalRow, name) for name in _KEY))
        query = select(RefusalRow).where(RefusalRow.tenant_id == tenant_id, *last.of(RefusalRow.last_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, RefusalRow.station_id, stations))
        for column, wanted in (
            (RefusalRow.station_id, station_id),
            (RefusalRow.action, action),
            (RefusalRow.outcome, outcome),
        ):
            if wanted:
                query = query.where(column == wanted)
        return await page.read(self._session, query, *key, descending=True)

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove the refusals of a station."""
        await self._session.execute(
            delete(RefusalRow).where(RefusalRow.tenant_id == tenant_id, RefusalRow.station_id == station_id)
        )

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Delete at most so many rows without an occurrence since a time; return False if there were none."""
        key = _TABLE.primary_key.columns
        old = select(*key).where(_TABLE.c.last_time < time).limit(limit)
        result = await (await self._session.connection()).execute(delete(_TABLE).where(tuple_(*key).in_(old)))
        return result.rowcount > 0


class ToleranceRepository:
    """Tolerance rules of operators."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all(self) -> Sequence[ToleranceRuleRow]:
        """Return the rules of all tenants, those for a firmware, model and vendor before those for any."""
        rows = await self._session.scalars(
            select(ToleranceRuleRow).order_by(
                ToleranceRuleRow.tenant_id,
                ToleranceRuleRow.firmware_version.desc(),
                ToleranceRuleRow.model.desc(),
                ToleranceRuleRow.vendor_name.desc(),
                ToleranceRuleRow.rule_id,
            )
        )
        return rows.all()

    async def get(self, tenant_id: str, rule_id: str) -> ToleranceRuleRow:
        """Return a rule.

        Raises:
            NotFound: When there is none of this name.
        """
        found = await self._session.get(ToleranceRuleRow, (tenant_id, rule_id))
        if found is None:
            raise NotFound("tolerance rule", rule_id)
        return found

    async def list(self, tenant_id: str, page: Page) -> Listed[ToleranceRuleRow]:
        """Return rules by name."""
        query = select(ToleranceRuleRow).where(ToleranceRuleRow.tenant_id == tenant_id)
        return await page.read(self._session, query, ToleranceRuleRow.rule_id)

    async def count(self, tenant_id: str) -> int:
        """Return how many rules a tenant has."""
        query = select(func.count()).select_from(_RULES).where(_RULES.c.tenant_id == tenant_id)
        return await self._session.scalar(query) or 0

    async def find(self, tenant_id: str, rule_id: str) -> ToleranceRuleRow | None:
        """Return a rule, locked until the commit, or None."""
        return await self._session.get(ToleranceRuleRow, (tenant_id, rule_id), with_for_update=True)

    def add(self, rule: ToleranceRuleRow) -> None:
        """Store a new rule."""
        self._session.add(rule)

    async def remove(self, rule: ToleranceRuleRow) -> None:
        """Remove a rule."""
        await self._session.delete(rule)

    async def use_all(self, uses: Mapping[tuple[str, str], tuple[int, datetime]]) -> None:
        """Count uses of rules, given by tenant and name, with the time of the latest."""
        if uses:
            await (await self._session.connection()).execute(
                update(_RULES)
                .where(_RULES.c.tenant_id == bindparam("b_tenant_id"), _RULES.c.rule_id == bindparam("b_rule_id"))
                .values(uses=_RULES.c.uses + bindparam("b_uses"), last_use_time=bindparam("b_time")),
                [
                    {"b_tenant_id": tenant_id, "b_rule_id": rule_id, "b_uses": count, "b_time": time}
                    for (tenant_id, rule_id), (count, time) in sorted(uses.items())
                ],
            )
