"""Queries about meter values for other packages."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.meter_values.models import Sample
from citrine_core.blocks.meter_values.readings import RegisterReading, SampleRow, measured

__all__ = ["find_evse_registers"]

MOST_SAMPLES = 5000

_COLUMNS = tuple(getattr(Sample, name) for name in SampleRow._fields)


async def find_evse_registers(
    session: AsyncSession, tenant_id: str, station_id: str, evse_id: int, start: datetime, end: datetime
) -> Sequence[RegisterReading]:
    """Return the import register of an EVSE from MeterValues between two times, by the clock of the station."""
    rows = await session.execute(
        select(*_COLUMNS)
        .where(
            Sample.tenant_id == tenant_id,
            Sample.station_id == station_id,
            Sample.sample_time.between(start, end),
            Sample.evse_id == evse_id,
            Sample.transaction_id.is_(None),
        )
        .order_by(Sample.sample_time)
        .limit(MOST_SAMPLES)
    )
    return measured([SampleRow(*row) for row in rows]).registers
