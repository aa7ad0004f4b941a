"""Queries into the local lists for other packages, and what removes a token from all of them."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.local_auth_list_pb2 import LOCAL_LIST_STATE_IN_STEP, LOCAL_LIST_STATE_PENDING
from citrine_core.blocks.local_auth_list.models import LocalList, LocalListEntry
from citrine_core.db.one_of import one_of

__all__ = ["find_stations_with", "remove_from_lists"]

_LISTS = LocalList.metadata.tables["local_lists"]
_ENTRIES = LocalListEntry.metadata.tables["local_list_entries"]

MOST_STATIONS = 5
"""Stations that are named."""


async def find_stations_with(session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]) -> Sequence[str]:
    """Return stations, a few at most, whose list has or should have one of some tokens.

    Args:
        session: Of the database.
        tenant_id: The tenant.
        keys: Lookups and types. A type that is empty: of any.
    """
    query = select(_ENTRIES.c.station_id).where(_of_tokens(tenant_id, keys))
    return (await session.scalars(query.distinct().order_by(_ENTRIES.c.station_id).limit(MOST_STATIONS))).all()


async def remove_from_lists(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]], now: datetime
) -> None:
    """Have all stations remove tokens from their lists, now or when they are connected again.

    Args:
        session: Of the database.
        tenant_id: The tenant.
        keys: Lookups and types. A type that is empty: of any.
        now: When it is requested.
    """
    of_tokens = _of_tokens(tenant_id, keys)
    await session.execute(update(_ENTRIES).where(of_tokens).values(wanted=None, stale=False))
    await session.execute(delete(_ENTRIES).where(of_tokens, _ENTRIES.c.held.is_(None)))
    theirs = select(_ENTRIES.c.station_id).where(of_tokens)
    due = update(_LISTS).where(_LISTS.c.tenant_id == tenant_id, _LISTS.c.station_id.in_(theirs))
    in_step = _LISTS.c.state == int(LOCAL_LIST_STATE_IN_STEP)
    state = case((in_step, int(LOCAL_LIST_STATE_PENDING)), else_=_LISTS.c.state)
    await session.execute(due.values(state=state, next_time=now, attempts=0))


def _of_tokens(tenant_id: str, keys: Collection[tuple[str, str]]) -> ColumnElement[bool]:
    of_any = one_of(_ENTRIES.c.lookup, [lookup for lookup, kind in keys if not kind])
    of_type = one_of((_ENTRIES.c.lookup, _ENTRIES.c.type), [key for key in keys if key[1]])
    return and_(_ENTRIES.c.tenant_id == tenant_id, or_(of_any, of_type))
