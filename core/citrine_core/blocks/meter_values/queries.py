"""Queries about meter values for other packages."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, and_, literal_column, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.types_pb2 import MeterValue
from citrine_core.blocks.meter_values.models import Sample
from citrine_core.blocks.meter_values.readings import RegisterReading, SampleRow, measured
from citrine_core.blocks.meter_values.sampled_values import message_of
from citrine_core.times import set_time

__all__ = ["EVSETime", "StoredMessage", "find_evse_registers", "find_meter_values"]

MOST_SAMPLES = 5000

TIMES_AT_ONCE = 50
"""Most times in one statement."""

_COLUMNS = tuple(getattr(Sample, name) for name in SampleRow._fields)


class EVSETime(NamedTuple):
    """A time in which something was at an EVSE, by the clock of the station."""

    station_id: str
    evse_id: int
    start: datetime
    end: datetime


class StoredMessage(NamedTuple):
    """Meter values outside of transactions, by the digest of their message and the range of their times."""

    station_id: str
    digest: int
    first_time: datetime
    last_time: datetime


async def find_meter_values(
    session: AsyncSession, tenant_id: str, messages: Collection[StoredMessage]
) -> dict[tuple[str, int], list[MeterValue]]:
    """Return the meter values of messages, by station and digest, as far as they are stored; `measurand` is filled in.

    Args:
        session: Of a unit of work.
        tenant_id: Tenant of the stations.
        messages: At most 500: each is a condition of the one statement.
    """
    # By constants of each message, which the primary key serves whatever the planner knows of the times.
    asked = [
        and_(
            Sample.tenant_id == tenant_id,
            Sample.station_id == one.station_id,
            Sample.sample_time.between(one.first_time, one.last_time),
            Sample.digest == one.digest,
        )
        for one in messages
    ]
    query = select(*_COLUMNS).where(or_(*asked))
    found: dict[tuple[str, int], list[MeterValue]] = {}
    last: tuple[str, int, datetime] | None = None
    for row in await session.execute(query.order_by(Sample.station_id, Sample.digest, Sample.position)):
        one = message_of(row).meter_value[0]
        one.sampled_value[0].measurand = row.measurand
        values = found.setdefault((row.station_id, row.digest), [])
        if (row.station_id, row.digest, row.sample_time) != last:
            last = (row.station_id, row.digest, row.sample_time)
            set_time(one.timestamp, row.sample_time)
            values.append(one)
        else:
            values[-1].sampled_value.extend(one.sampled_value)
    return found


async def find_evse_registers(
    session: AsyncSession, tenant_id: str, times: Sequence[EVSETime]
) -> list[Sequence[RegisterReading]]:
    """Return the import register of EVSEs from MeterValues, for each of the times."""
    found: list[list[SampleRow]] = [[] for _ in times]
    for first in range(0, len(times), TIMES_AT_ONCE):
        parts = [
            _samples_in(tenant_id, first + place, one) for place, one in enumerate(times[first : first + TIMES_AT_ONCE])
        ]
        for place, *row in await session.execute(union_all(*parts) if len(parts) > 1 else parts[0]):
            found[place].append(SampleRow(*row))
    return [measured(sorted(rows, key=lambda row: row.sample_time)).registers for rows in found]


def _samples_in(tenant_id: str, place: int, time: EVSETime) -> Select[Any]:
    rows = (
        select(*_COLUMNS)
        .where(
            Sample.tenant_id == tenant_id,
            Sample.station_id == time.station_id,
            Sample.sample_time.between(time.start, time.end),
            Sample.evse_id == time.evse_id,
            Sample.transaction_id.is_(None),
        )
        .order_by(Sample.sample_time)
        .limit(MOST_SAMPLES)
        .subquery()
    )
    return select(literal_column(str(place), Integer()), *rows.c)
