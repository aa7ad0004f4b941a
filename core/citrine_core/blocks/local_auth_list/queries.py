"""Queries into the local lists for other packages, and what removes a token from all of them."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.local_auth_list_pb2 import LOCAL_LIST_STATE_IN_STEP, LOCAL_LIST_STATE_PENDING
from citrine_core.blocks.local_auth_list.models import LocalList, LocalListEntry
from citrine_core.db.one_of import one_of

__all__ = ["find_stations_with", "remove_from_lists"]

_LISTS = LocalList.metadata.tables["local_lists"]
_ENTRIES = LocalListEntry.metadata.tables["local_list_entries"]

MOST_STATIONS = 5
"""Stations that are named."""


async def find_stations_with(session: AsyncSession, tenant_id: str, lookups: Collection[str]) -> Sequence[str]:
    """Return stations, a few at most, whose list has or should have one of some tokens."""
    query = select(_ENTRIES.c.station_id).where(_ENTRIES.c.tenant_id == tenant_id, one_of(_ENTRIES.c.lookup, lookups))
    return (await session.scalars(query.distinct().order_by(_ENTRIES.c.station_id).limit(MOST_STATIONS))).all()


async def remove_from_lists(session: AsyncSession, tenant_id: str, lookups: Collection[str], now: datetime) -> None:
    """Have all stations remove tokens from their lists, now or when they are connected again."""
    of_tokens = and_(_ENTRIES.c.tenant_id == tenant_id, one_of(_ENTRIES.c.lookup, lookups))
    await session.execute(update(_ENTRIES).where(of_tokens).values(wanted=None, stale=False))
    await session.execute(delete(_ENTRIES).where(of_tokens, _ENTRIES.c.held.is_(None)))
    theirs = select(_ENTRIES.c.station_id).where(of_tokens)
    due = update(_LISTS).where(_LISTS.c.tenant_id == tenant_id, _LISTS.c.station_id.in_(theirs))
    in_step = _LISTS.c.state == int(LOCAL_LIST_STATE_IN_STEP)
    state = case((in_step, int(LOCAL_LIST_STATE_PENDING)), else_=_LISTS.c.state)
    await session.execute(due.values(state=state, next_time=now, attempts=0))
