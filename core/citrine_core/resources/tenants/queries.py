"""Queries about tenants for other packages."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, ScalarSelect, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tenants_pb2 import UNKNOWN_STATIONS_HOLD
from citrine_core.db.one_of import one_of
from citrine_core.resources.tenants.models import Tenant

__all__ = ["asks_inventory", "find_holding", "list_tenant_ids", "lock_hold_limit", "lock_tenant"]

_TABLE = Tenant.__table__.c


def asks_inventory(tenant_id: str | ColumnElement[str]) -> ScalarSelect[bool]:
    """Return an expression: whether the inventory of new or changed stations of a tenant is requested."""
    return select(_TABLE.asks_inventory).where(_TABLE.tenant_id == tenant_id).scalar_subquery()


async def find_holding(session: AsyncSession, tenant_ids: Collection[str]) -> set[str]:
    """Return those of the tenants that hold unknown stations."""
    rows = await (await session.connection()).execute(
        select(_TABLE.tenant_id).where(
            one_of(_TABLE.tenant_id, tenant_ids), _TABLE.unknown_stations == UNKNOWN_STATIONS_HOLD
        )
    )
    return {row.tenant_id for row in rows}


async def list_tenant_ids(session: AsyncSession) -> Sequence[str]:
    """Return the ids of all tenants."""
    return (await session.scalars(select(_TABLE.tenant_id))).all()


async def lock_hold_limit(session: AsyncSession, tenant_id: str) -> int | None:
    """Return the most unknown stations that a tenant holds; None if it holds none.

    The tenant is locked until the commit, so that two writers can't both get the last place.
    """
    query = select(_TABLE.max_held_stations).where(
        _TABLE.tenant_id == tenant_id, _TABLE.unknown_stations == UNKNOWN_STATIONS_HOLD
    )
    found: int | None = await (await session.connection()).scalar(query.with_for_update())
    return found


async def lock_tenant(session: AsyncSession, tenant_id: str) -> None:
    """Lock a tenant until the commit: one at a time changes what it has once, also where there is no row of it yet."""
    query = select(_TABLE.tenant_id).where(_TABLE.tenant_id == tenant_id)
    await (await session.connection()).execute(query.with_for_update(key_share=True))
