"""Queries about reservations for other packages."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.reservation_pb2 import RESERVATION_STATE_ACTIVE, RESERVATION_STATE_REQUESTED
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.db.one_of import one_of

__all__ = ["find_times", "find_times_of_uses", "has_active_of"]

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


async def find_times_of_uses(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, int]]
) -> dict[tuple[str, str], tuple[datetime, datetime]]:
    """Return when reservations, by station and id, were accepted and expire, by the transactions that used them.

    An id may be of another reservation by now; a transaction used one of it.
    """
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.transaction_id, _TABLE.accept_time, _TABLE.expire_time).where(
            _TABLE.tenant_id == tenant_id,
            one_of((_TABLE.station_id, _TABLE.reservation_id), keys),
            _TABLE.accept_time.is_not(None),
            _TABLE.transaction_id != "",
        )
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


async def has_active_of(session: AsyncSession, tenant_id: str, lookups: Collection[str]) -> bool:
    """Return whether one of some tokens has a reservation that stands, or is on its way to the station."""
    stands = _TABLE.state.in_((int(RESERVATION_STATE_REQUESTED), int(RESERVATION_STATE_ACTIVE)))
    of_them = _TABLE.tenant_id == tenant_id, one_of(_TABLE.id_token_lookup, lookups), stands
    return bool(await session.scalar(select(exists().where(*of_them))))
