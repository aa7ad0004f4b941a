"""What is asked of the table of reservations of partners, and written to it."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.modules.reservations.tables import ReservationRequest, ReservationRow

__all__ = ["ReservationRepository"]

_NUMBER = (ReservationRow.station_id, ReservationRow.reservation_id)


class ReservationRepository:
    """The table of what partners call reservations, within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, partner_id: str, lookup: str) -> ReservationRow | None:
        """Return what station does for a reservation."""
        return await self._session.get(ReservationRow, (partner_id, lookup))

    async def find_by_numbers(self, numbers: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], ReservationRow]:
        """Return the reservations of partners by station and number there."""
        if not numbers:
            return {}
        rows = await self._session.scalars(select(ReservationRow).where(tuple_(*_NUMBER).in_([*numbers])))
        return {(row.station_id, row.reservation_id): row for row in rows}

    async def put(
        self, partner_id: str, lookup: str, station_id: str, number: int, requested: ReservationRequest
    ) -> None:
        """Store what station does for a reservation, and what the partner says of it."""
        row = await self.find(partner_id, lookup)
        if row is None:
            row = ReservationRow(partner_id=partner_id, lookup=lookup)
            self._session.add(row)
        row.station_id, row.reservation_id = station_id, number
        self.write(row, requested)

    def write(self, row: ReservationRow, requested: ReservationRequest) -> None:
        """Store what a partner says of a reservation that it wants."""
        row.response_url, row.routing, row.correlation_id = (
            requested.response_url,
            requested.routing,
            requested.correlation_id,
        )
        row.reference, row.expire_time = requested.reference, requested.expire_time

    async def remove_before(self, time: datetime) -> None:
        """Remove those whose time was over before a time."""
        await self._session.execute(delete(ReservationRow).where(ReservationRow.expire_time < time))

    async def remove_of_partner(self, partner_id: str) -> None:
        """Remove all that a partner wanted."""
        await self._session.execute(delete(ReservationRow).where(ReservationRow.partner_id == partner_id))
