"""Queries of the meter values."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, Row, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.types_pb2 import LocationEnum, ReadingContextEnum
from citrine_core.blocks.meter_values.models import Sample
from citrine_core.blocks.meter_values.readings import SIGNED, SIGNED_IN_EVENT, SampleRow
from citrine_core.blocks.transactions.queries import sample_times
from citrine_core.blocks.transactions.stored_events.queries import find_event_requests
from citrine_core.db import Listed, Page
from citrine_core.db.bulk import BulkInsert

__all__ = ["EventKey", "SampleRepository", "add_samples"]

_SAMPLES = Sample.metadata.tables["samples"]

_PERIODIC = int(ReadingContextEnum.READING_CONTEXT_ENUM_SAMPLE_PERIODIC)
_OUTLET = int(LocationEnum.LOCATION_ENUM_OUTLET)

EventKey = tuple[str, int, int]
"""Transaction, seqNo and digest, which identify an event of a station."""


_ADD = BulkInsert(_SAMPLES, SampleRow._fields, ignore=True)


async def add_samples(session: AsyncSession, rows: Sequence[SampleRow]) -> None:
    """Store samples as returned by `sample_rows`; stored ones don't change."""
    await _ADD.execute(session, rows)


class SampleRepository:
    """Reads samples within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list(
        self,
        tenant_id: str,
        page: Page,
        station_id: str,
        *,
        transaction_id: str | None = None,
        evse_id: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        connector_id: int | None = None,
        measurand: int | None = None,
        context: int | None = None,
        phase: int | None = None,
        location: int | None = None,
        signed_only: bool = False,
        newest_first: bool = False,
    ) -> Listed[Row[Any]]:
        """Return samples of a station, by the time of the station, or in reverse order.

        A sample without context or location has OCPP's default: Sample.Periodic, Outlet.
        """
        columns = _SAMPLES.c
        query = select(_SAMPLES).where(columns.tenant_id == tenant_id, columns.station_id == station_id)
        if transaction_id is not None:
            query = _within_transaction(query, tenant_id, station_id, transaction_id)
        if evse_id is not None:
            query = query.where(columns.evse_id == evse_id)
        if start is not None:
            query = query.where(columns.sample_time >= start)
        if end is not None:
            query = query.where(columns.sample_time < end)
        for column, value in (
            (columns.connector_id, connector_id),
            (columns.measurand, measurand),
            (columns.phase, phase),
        ):
            if value is not None:
                query = query.where(column == value)
        for column, value, default in ((columns.context, context, _PERIODIC), (columns.location, location, _OUTLET)):
            if value is not None:
                query = query.where(or_(column == value, column.is_(None)) if value == default else column == value)
        if signed_only:
            first = func.substr(columns.extra, 1, 1, type_=LargeBinary())
            query = query.where(or_(first == SIGNED, first == SIGNED_IN_EVENT))
        key = (columns.sample_time, columns.digest, columns.position)
        return await page.read_rows(self._session, query, *key, descending=newest_first)

    async def find_events(self, tenant_id: str, station_id: str, keys: Collection[EventKey]) -> dict[EventKey, bytes]:
        """Return the serialised requests of transaction events, which contain data without a column here."""
        return await find_event_requests(self._session, tenant_id, station_id, keys)


def _within_transaction(query: Select[Any], tenant_id: str, station_id: str, transaction_id: str) -> Select[Any]:
    # Samples have no index on transaction_id, but the row of a transaction has the first and last time of its samples.
    first, last = sample_times(tenant_id, station_id, transaction_id)
    return query.where(
        _SAMPLES.c.transaction_id == transaction_id,
        _SAMPLES.c.sample_time >= first,
        _SAMPLES.c.sample_time <= last,
    )
