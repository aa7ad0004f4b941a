"""Queries of the remote starts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.remote_control_pb2 import RemoteStartState
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.remote_control.models import RemoteStart
from citrine_core.clock import utc_now
from citrine_core.db import ANY_TIME, Listed, Page, Span, UnitOfWork
from citrine_core.db.bulk import BulkUpsert
from citrine_core.db.changes import change_time, changed_within
from citrine_core.db.one_of import one_of
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.usage_limits import NO_LIMIT, Limit

__all__ = ["KEY", "RemoteStartKey", "RemoteStartRepository", "forget_remote_starts", "limits_of_starts"]

_TABLE = RemoteStart.metadata.tables["remote_starts"]

MOST_CLAIMABLE = 200
"""Most remote starts that are compared with the transactions of a batch."""

KEY = ("tenant_id", "station_id", "remote_start_id")

_PUT = BulkUpsert(_TABLE, key=KEY)

RemoteStartKey = tuple[str, int]
"""Station and remoteStartId."""

TransactionKey = tuple[str, str]
"""Station and transaction."""


class RemoteStartRepository:
    """Reads and writes remote starts within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_for_update(
        self, tenant_id: str, keys: Collection[RemoteStartKey]
    ) -> dict[RemoteStartKey, dict[str, Any]]:
        """Return the stored remote starts with some keys, as mappings of all columns, locked until the commit."""
        if not keys:
            return {}
        columns = (_TABLE.c.station_id, _TABLE.c.remote_start_id)
        rows = await self._session.execute(
            select(_TABLE)
            .where(_TABLE.c.tenant_id == tenant_id, one_of(columns, keys))
            .order_by(*columns)
            .with_for_update()
        )
        return {(row.station_id, row.remote_start_id): dict(row._mapping) for row in rows}

    async def find_claimable(self, tenant_id: str, station_ids: Collection[str], since: datetime) -> Sequence[Row[Any]]:
        """Return the remote starts by which a transaction may have begun that does not name one; the latest first.

        Args:
            tenant_id: Tenant of the stations.
            station_ids: The stations.
            since: Earliest time of a remote start.
        """
        columns = _TABLE.c
        query = select(_TABLE).where(
            columns.tenant_id == tenant_id,
            one_of(columns.station_id, station_ids),
            columns.state != RemoteStartState.REMOTE_START_STATE_REJECTED,
            columns.create_time >= since,
        )
        return (await self._session.execute(query.order_by(columns.create_time.desc()).limit(MOST_CLAIMABLE))).all()

    async def put_all(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store remote starts that changed now, each with all columns; rows with the same key are overwritten."""
        if rows:
            changed = await change_time(self._session, utc_now)
            await _PUT.execute_mappings(self._session, [row | {"update_time": changed} for row in rows])

    async def find(self, tenant_id: str, station_id: str, remote_start_id: int) -> Row[Any] | None:
        """Return a remote start; None if it is not stored."""
        key = (tenant_id, station_id, remote_start_id)
        query = select(_TABLE).where(*(_TABLE.c[name] == value for name, value in zip(KEY, key, strict=True)))
        return (await self._session.execute(query)).one_or_none()

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        state: int = 0,
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
        changed: Span | None = None,
    ) -> Listed[Row[Any]]:
        """Return remote starts, the latest first, or by change where that is limited; an empty filter matches all."""
        query = select(_TABLE).where(_TABLE.c.tenant_id == tenant_id, *created.of(_TABLE.c.create_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, _TABLE.c.station_id, stations))
        if station_id:
            query = query.where(_TABLE.c.station_id == station_id)
        if state:
            query = query.where(_TABLE.c.state == state)
        if changed is not None:
            query = query.where(*await changed_within(self._session, RemoteStart.update_time, *changed))
            by_change = (_TABLE.c.update_time, _TABLE.c.station_id, _TABLE.c.remote_start_id)
            return await page.read_rows(self._session, query, *by_change)
        key = (_TABLE.c.create_time, _TABLE.c.station_id, _TABLE.c.remote_start_id)
        return await page.read_rows(self._session, query, *key, descending=True)


async def limits_of_starts(
    work: UnitOfWork, tenant_id: str, started: Mapping[TransactionKey, RemoteStartKey]
) -> dict[TransactionKey, Limit]:
    """Return the limits of transactions whose remote start has one.

    Args:
        work: The unit of work to read in.
        tenant_id: Tenant of the stations.
        started: The remote starts by which transactions began.
    """
    if not started:
        return {}
    columns = (_TABLE.c.station_id, _TABLE.c.remote_start_id)
    rows = await work.session.execute(
        select(*columns, _TABLE.c.transaction_id, _TABLE.c.max_cost, _TABLE.c.max_energy_wh, _TABLE.c.max_seconds)
        .where(_TABLE.c.tenant_id == tenant_id, one_of(columns, set(started.values())))
        .where(or_(*(_TABLE.c[name].is_not(None) for name in NO_LIMIT.columns)))
    )
    found = {(row.station_id, row.remote_start_id): row for row in rows}
    # A remote start begins one transaction. Its limit does not apply to another one that names it.
    return {
        key: Limit.of(found[start])
        for key, start in started.items()
        if start in found and found[start].transaction_id in ("", key[1])
    }


async def forget_remote_starts(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the remote starts at a station that is removed."""
    await work.session.execute(delete(_TABLE).where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id))
