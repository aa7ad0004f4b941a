"""Queries of what reservations cost."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.tariff_and_cost.models import ReservationCost
from citrine_core.db import ANY_TIME, Listed, Page, Span
from citrine_core.db.one_of import one_of
from citrine_core.errors import NotFound
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.tokens import lookups_of

__all__ = ["ReservationCostKey", "ReservationCostRepository"]

ReservationCostKey = tuple[str, int, datetime]
"""Station, id of the reservation there, and when its Accepted came."""


class ReservationCostRepository:
    """What reservations cost."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(
        self, tenant_id: str, keys: Collection[tuple[str, int]]
    ) -> dict[ReservationCostKey, ReservationCost]:
        """Return the costs of reservations by station and id, whenever they were accepted."""
        table = ReservationCost
        rows = await self._session.scalars(
            select(table).where(table.tenant_id == tenant_id, one_of((table.station_id, table.reservation_id), keys))
        )
        return {(row.station_id, row.reservation_id, row.start_time): row for row in rows}

    def add(self, row: ReservationCost) -> None:
        """Store a new cost with the unit of work."""
        self._session.add(row)

    async def get(self, tenant_id: str, station_id: str, reservation_id: int) -> ReservationCost:
        """Return the cost of the latest reservation of an id that has one.

        Raises:
            NotFound: When there is none.
        """
        table = ReservationCost
        query = select(table).where(
            table.tenant_id == tenant_id, table.station_id == station_id, table.reservation_id == reservation_id
        )
        found = (await self._session.scalars(query.order_by(table.start_time.desc()).limit(1))).one_or_none()
        if found is None:
            raise NotFound("cost of reservation", reservation_id)
        return found

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        id_token: str,
        began: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[ReservationCost]:
        """Return costs, those that began last first."""
        table = ReservationCost
        query = select(table).where(table.tenant_id == tenant_id, *began.of(table.start_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, table.station_id, stations))
        if station_id:
            query = query.where(table.station_id == station_id)
        if id_token:
            query = query.where(table.id_token_lookup.in_(lookups_of(id_token)))
        key = (table.start_time, table.station_id, table.reservation_id)
        return await page.read(self._session, query, *key, descending=True)
