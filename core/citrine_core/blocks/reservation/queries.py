"""Queries about reservations for other packages."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.reservation.models import Reservation
from citrine_core.db.one_of import one_of

__all__ = ["find_times"]

_TABLE = Reservation.__table__.c


async def find_times(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, int]]
) -> dict[tuple[str, int], tuple[datetime, datetime]]:
    """Return when reservations were accepted and expire, by station and id; of an id, the latest accepted one."""
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.reservation_id, _TABLE.accept_time, _TABLE.expire_time)
        .where(
            _TABLE.tenant_id == tenant_id,
            one_of((_TABLE.station_id, _TABLE.reservation_id), keys),
            _TABLE.accept_time.is_not(None),
        )
        .order_by(_TABLE.id)
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}
