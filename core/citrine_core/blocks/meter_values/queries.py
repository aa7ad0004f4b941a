"""Queries about meter values for other packages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, literal_column, select, union_all
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


async def find_meter_values(session: AsyncSession, tenant_id: str, message: StoredMessage) -> list[MeterValue]:
    """Return the meter values of a message, as far as they are still stored; `measurand` is filled in."""
    query = select(*_COLUMNS).where(
        Sample.tenant_id == tenant_id,
        Sample.station_id == message.station_id,
        Sample.sample_time.between(message.first_time, message.last_time),
        Sample.digest == message.digest,
    )
    found: list[MeterValue] = []
    last: datetime | None = None
    for row in await session.execute(query.order_by(Sample.position).limit(MOST_SAMPLES)):
        one = message_of(row).meter_value[0]
        one.sampled_value[0].measurand = row.measurand
        if row.sample_time != last:
            last = row.sample_time
            set_time(one.timestamp, last)
            found.append(one)
        else:
            found[-1].sampled_value.extend(one.sampled_value)
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
