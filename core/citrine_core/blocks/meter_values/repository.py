"""Queries of the meter values."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.meter_values.models import Sample
from citrine_core.blocks.meter_values.readings import SampleRow
from citrine_core.db import Model
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.one_of_keys import one_of_keys

__all__ = ["EventKey", "SampleRepository", "add_samples"]

_SAMPLES = Sample.metadata.tables["samples"]

EventKey = tuple[str, int, int]
"""Transaction, seqNo and digest: which event of a station."""


_ADD = BulkInsert(_SAMPLES, SampleRow._fields, ignore=True)


async def add_samples(session: AsyncSession, rows: Sequence[SampleRow]) -> None:
    """Store samples, as `sample_rows` makes them. Those that are stored already stay as they are."""
    await _ADD.execute(session, rows)


class SampleRepository:
    """What stations measured.

    The block transactions writes through this one, so this one names its tables where it reads them: the
    packages do not import each other.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list(
        self,
        tenant_id: str,
        station_id: str,
        *,
        transaction_id: str | None = None,
        evse_id: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        measurand: int | None = None,
        after: tuple[Any, ...] | None = None,
        limit: int,
    ) -> Sequence[Row[Any]]:
        """Return samples of a station behind a key of (sample_time, digest, position), in its order."""
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
        if measurand is not None:
            query = query.where(columns.measurand == measurand)
        key = (columns.sample_time, columns.digest, columns.position)
        if after is not None:
            query = query.where(tuple_(*key) > tuple_(*after))
        return (await self._session.execute(query.order_by(*key).limit(limit))).all()

    async def find_events(self, tenant_id: str, station_id: str, keys: Collection[EventKey]) -> dict[EventKey, bytes]:
        """Return the serialised requests of transaction events of a station, for what has no column here."""
        events = Model.metadata.tables["transaction_events"].c
        rows = await self._session.execute(
            select(events.transaction_id, events.seq_no, events.digest, events.request).where(
                events.tenant_id == tenant_id,
                events.station_id == station_id,
                one_of_keys((events.transaction_id, events.seq_no, events.digest), keys),
            )
        )
        return {(transaction_id, seq_no, digest): request for transaction_id, seq_no, digest, request in rows}


def _within_transaction(query: Select[Any], tenant_id: str, station_id: str, transaction_id: str) -> Select[Any]:
    # Samples have no index over transactions, but a transaction knows between which times its samples are.
    transactions = Model.metadata.tables["transactions"].c

    def time(column: str) -> Any:
        return (
            select(transactions[column])
            .where(
                transactions.tenant_id == tenant_id,
                transactions.station_id == station_id,
                transactions.transaction_id == transaction_id,
            )
            .scalar_subquery()
        )

    return query.where(
        _SAMPLES.c.transaction_id == transaction_id,
        _SAMPLES.c.sample_time >= time("first_sample_time"),
        _SAMPLES.c.sample_time <= time("last_sample_time"),
    )
