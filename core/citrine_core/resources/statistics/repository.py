"""Queries of the statistics that write: what has been counted, and the rollups."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Due, database_of, one_of
from citrine_core.db.bulk import BulkUpdate, BulkUpsert, given
from citrine_core.events import OutboxRepository
from citrine_core.resources.statistics.counted import Counted
from citrine_core.resources.statistics.downtimes import Downtime, Service
from citrine_core.resources.statistics.models import (
    CountedTransaction,
    EvseDowntime,
    EvseService,
    Rollup,
    StatisticsCursor,
)
from citrine_core.resources.statistics.tally import MEASURES, RollupKey, Tally

__all__ = ["Cursor", "StatisticsRepository"]

_ROLLUPS = Rollup.metadata.tables["rollups"]
_COUNTED = CountedTransaction.metadata.tables["counted_transactions"]
_SERVICES = EvseService.metadata.tables["evse_services"]
_DOWNTIMES = EvseDowntime.metadata.tables["evse_downtimes"]
_CURSOR = StatisticsCursor.metadata.tables["statistics_cursor"]

_ADD = BulkUpsert(
    _ROLLUPS,
    (*RollupKey._fields, *MEASURES),
    RollupKey._fields,
    (),
    changes={name: _ROLLUPS.c[name] + given(_ROLLUPS, name) for name in MEASURES},
)
_PUT_COUNTED = BulkUpsert(_COUNTED, Counted._fields, ("tenant_id", "station_id", "transaction_id"))
_SPAN_KEY = ("tenant_id", "station_id", "evse_id", "start_time")
_PUT_SERVICES = BulkUpsert(_SERVICES, Service._fields, _SPAN_KEY)
_PUT_DOWNTIMES = BulkUpsert(_DOWNTIMES, Downtime._fields, _SPAN_KEY)
_MOVE_EVENTS = BulkUpdate(_CURSOR, ("event_id",), ("id",))
_LAST = ("last_tenant_id", "last_station_id", "last_transaction_id")
_MOVE_BACKFILL = BulkUpdate(_CURSOR, ("stage", "due_time", *_LAST), ("id",))


class Cursor(NamedTuple):
    """How far statistics are."""

    event_id: int
    """Last event that is counted."""
    stage: int
    """What of before is counted: see StatisticsCursor."""
    last: tuple[str, str, str]
    """Tenant, station and id of the last transaction of before that is counted, or tenant and station."""


class StatisticsRepository:
    """What statistics count, within one unit of work. Who writes has the cursor locked."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_cursor(self) -> Cursor | None:
        """Return how far statistics are, and lock it until the commit; None if another core has it."""
        columns = _CURSOR.c
        names = ("event_id", "stage", *_LAST)
        query = database_of(self._session).claim(select(*(columns[name] for name in names)))
        row = (await self._session.execute(query)).first()
        return None if row is None else Cursor(row[0], row[1], (row[2], row[3], row[4]))

    async def find_cursor(self) -> Cursor:
        """Return how far statistics are."""
        columns = _CURSOR.c
        names = ("event_id", "stage", *_LAST)
        row = (await self._session.execute(select(*(columns[name] for name in names)))).one()
        return Cursor(row[0], row[1], (row[2], row[3], row[4]))

    async def move_events(self, event_id: int) -> None:
        """Store which event was counted last."""
        await _MOVE_EVENTS.execute(self._session, [(event_id, 1)])

    async def move_backfill(self, last: tuple[str, str, str], stage: int, now: datetime) -> None:
        """Store what of before is to be counted next, from now on: see Cursor."""
        await _MOVE_BACKFILL.execute(self._session, [(stage, now if stage else None, *last, 1)])

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of when the first event was stored that is not counted."""
        return OutboxRepository.time_after(select(_CURSOR.c.event_id).scalar_subquery())

    @staticmethod
    @cache
    def backfill_due() -> Due:
        """Return the query of the time since when something of before is to be counted."""
        return select(_CURSOR.c.due_time)

    async def add(self, tally: Tally) -> None:
        """Add sums to rollups, and have the tally empty."""
        await _ADD.fetch(self._session, tally.pop_rows())

    async def find_counted(self, tenant_id: str, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Counted]:
        """Return what is counted of transactions, by station and id."""
        key = (_COUNTED.c.station_id, _COUNTED.c.transaction_id)
        query = select(*(_COUNTED.c[name] for name in Counted._fields))
        rows = await self._session.execute(query.where(_COUNTED.c.tenant_id == tenant_id, one_of(key, keys)))
        return {(row.station_id, row.transaction_id): Counted(*row) for row in rows}

    async def put_counted(self, rows: Sequence[Counted]) -> None:
        """Store what is counted of transactions."""
        await _PUT_COUNTED.execute(self._session, rows)

    async def find_services(self, tenant_id: str, station_ids: Collection[str]) -> dict[tuple[str, int], list[Service]]:
        """Return the spans in which EVSEs of stations were in service, by station and EVSE, in order."""
        columns = _SERVICES.c
        query = select(*(columns[name] for name in Service._fields)).where(
            columns.tenant_id == tenant_id, one_of(columns.station_id, station_ids)
        )
        found: dict[tuple[str, int], list[Service]] = {}
        for row in await self._session.execute(query.order_by(columns.start_time)):
            found.setdefault((row.station_id, row.evse_id), []).append(Service(*row))
        return found

    async def put_services(self, rows: Sequence[Service]) -> None:
        """Store spans in which EVSEs were in service."""
        await _PUT_SERVICES.execute(self._session, rows)

    async def find_downtimes(
        self, tenant_id: str, station_ids: Collection[str], since: datetime
    ) -> dict[tuple[str, int], list[Downtime]]:
        """Return the downtimes of EVSEs of stations that end at a time or later, by station and EVSE, in order."""
        columns = _DOWNTIMES.c
        query = select(*(columns[name] for name in Downtime._fields)).where(
            columns.tenant_id == tenant_id,
            one_of(columns.station_id, station_ids),
            or_(columns.end_time.is_(None), columns.end_time >= since),
        )
        found: dict[tuple[str, int], list[Downtime]] = {}
        for row in await self._session.execute(query.order_by(columns.start_time)):
            found.setdefault((row.station_id, row.evse_id), []).append(Downtime(*row))
        return found

    async def replace_downtimes(self, old: Iterable[Downtime], new: Sequence[Downtime]) -> None:
        """Store other downtimes in place of some. Nearly always they begin at the same times."""
        await _PUT_DOWNTIMES.execute(self._session, new)
        stays, columns = {one[:4] for one in new}, _DOWNTIMES.c
        for one in old:
            if one[:4] not in stays:
                is_it = [columns[name] == getattr(one, name) for name in _SPAN_KEY]
                await self._session.execute(delete(_DOWNTIMES).where(*is_it))
