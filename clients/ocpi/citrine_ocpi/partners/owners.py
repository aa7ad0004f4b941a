"""Whose a party is: the partner that was it, or had it behind itself, at last; also after that one has left."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, String, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table
from citrine_ocpi.db.inserts import insert_missing, parts
from citrine_ocpi.transport.routing import Party

__all__ = ["PartyOwnerRepository", "PartyOwnerRow"]


class PartyOwnerRow(Table):
    """Whose a party is. It remains so until the operator agrees to another one, by a token A or by accepting it."""

    __tablename__ = "party_owners"

    country_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    party_id: Mapped[str] = mapped_column(String(3), primary_key=True)
    partner_id: Mapped[str] = mapped_column(String(36), index=True)
    """Empty: of a partner that was removed."""


class PartyOwnerRepository:
    """The table of owners of parties within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim(self, partner_id: str, parties: Collection[Party]) -> set[Party]:
        """Make a partner the owner of those parties that have none, and return those that are its own."""
        wanted, found = [(one.country_code, one.party_id) for one in sorted({*parties}, key=str)], set[Party]()
        rows = [{"country_code": one, "party_id": other, "partner_id": partner_id} for one, other in wanted]
        await insert_missing(self._session, PartyOwnerRow, rows, [PartyOwnerRow.party_id])
        for part in parts(wanted):
            query = select(PartyOwnerRow.country_code, PartyOwnerRow.party_id).where(
                PartyOwnerRow.partner_id == partner_id, _are(part)
            )
            found |= {Party(*one) for one in await self._session.execute(query)}
        return found

    async def give(self, partner_id: str, parties: Collection[Party]) -> None:
        """Make a partner the owner of parties, whosever they were: the operator agrees to it."""
        await self.claim(partner_id, parties)
        for part in parts([(one.country_code, one.party_id) for one in sorted({*parties}, key=str)]):
            await self._session.execute(update(PartyOwnerRow).where(_are(part)).values(partner_id=partner_id))

    async def owned(self, partner_ids: Collection[str]) -> set[Party]:
        """Return the parties whose owners are partners."""
        query = select(PartyOwnerRow.country_code, PartyOwnerRow.party_id)
        found = await self._session.execute(query.where(PartyOwnerRow.partner_id.in_(partner_ids)))
        return {Party(*one) for one in found}

    async def forget(self, partner_id: str) -> None:
        """Leave the parties of a partner that is removed to nobody whom the operator does not agree to."""
        removed = update(PartyOwnerRow).where(PartyOwnerRow.partner_id == partner_id).values(partner_id="")
        await self._session.execute(removed)


def _are(names: Collection[tuple[str, str]]) -> ColumnElement[bool]:
    return tuple_(PartyOwnerRow.country_code, PartyOwnerRow.party_id).in_(names)
