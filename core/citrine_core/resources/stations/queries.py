"""What others may ask of the stations: when they booted, and so which of two things that they say is newer."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import one_of
from citrine_core.resources.stations.models import Station

__all__ = ["find_boot_times", "order_time_of"]


async def find_boot_times(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[str, datetime | None]:
    """Return when stations booted last, by our clock; None for those that never did."""
    rows = await session.execute(
        select(Station.station_id, Station.boot_time).where(
            Station.tenant_id == tenant_id, one_of(session, Station.station_id, station_ids)
        )
    )
    return {row[0]: row[1] for row in rows}


def order_time_of(time: datetime, receive_time: datetime, boot_time: datetime | None) -> datetime:
    """Return the time by which what a station says of a thing is put in order.

    A clock that runs ahead, or that says the year 9999, must not silence all that follows. And what comes after
    a boot is newer than the boot, also where the station's clock says 1970 or is hours behind: those that it does not
    tell apart are in the order in which they came.

    Args:
        time: By the clock of the station.
        receive_time: When the edge read it.
        boot_time: When the edge read the station's last BootNotification. None: it never booted.
    """
    order_time = min(time, receive_time)
    if boot_time is not None and receive_time >= boot_time:
        return max(order_time, boot_time)
    return order_time
