"""Which locations a partner sees, where an operator names them: those alone, published or not."""

from collections.abc import Collection, Mapping

from sqlalchemy import ForeignKey, String, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table

__all__ = ["LocationFilters", "PartnerLocationRow"]


class PartnerLocationRow(Table):
    """A location that a partner sees. A partner without any sees what is published to it."""

    __tablename__ = "partner_locations"

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36), primary_key=True)


class LocationFilters:
    """The table of locations of partners within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all(self) -> Mapping[str, Collection[str]]:
        """Return the locations of each partner that has any."""
        found: dict[str, set[str]] = {}
        for row in await self._session.scalars(select(PartnerLocationRow)):
            found.setdefault(row.partner_id, set()).add(row.location_id)
        return found

    async def of(self, partner_id: str) -> Collection[str] | None:
        """Return the locations of a partner. None: it sees what is published to it."""
        own = select(PartnerLocationRow.location_id).where(PartnerLocationRow.partner_id == partner_id)
        return {*await self._session.scalars(own)} or None

    async def set(self, partner_id: str, location_ids: Collection[str]) -> None:
        """Name the locations of a partner. None: it sees what is published to it."""
        await self._session.execute(delete(PartnerLocationRow).where(PartnerLocationRow.partner_id == partner_id))
        self._session.add_all(PartnerLocationRow(partner_id=partner_id, location_id=one) for one in {*location_ids})
