"""What is asked of the tables of partners, and written to them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.partners.hub_clients import HubClientRepository, HubClientRow
from citrine_ocpi.partners.owners import PartyOwnerRepository
from citrine_ocpi.partners.tables import (
    EndpointRow,
    IssuedTokenRow,
    OwnPartyRow,
    PartnerPartyRow,
    PartnerRow,
    WaitingPartyRow,
)
from citrine_ocpi.published.stale import StaleLocations
from citrine_ocpi.published.viewers import EVERYBODY_PARTY
from citrine_ocpi.transport.routing import Party

__all__ = ["PartnerRepository"]


class PartnerRepository:
    """The tables of partners within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, partner_id: str) -> PartnerRow | None:
        """Return a partner."""
        return await self._session.get(PartnerRow, partner_id)

    async def lock(self, partner_id: str) -> PartnerRow | None:
        """Return a partner. Nobody else changes it, or what it is registered by, until the end of the transaction."""
        return await self._session.get(PartnerRow, partner_id, with_for_update=True)

    async def list_all(self) -> Sequence[PartnerRow]:
        """Return all partners, by name."""
        return (await self._session.scalars(select(PartnerRow).order_by(PartnerRow.partner_id))).all()

    async def parties(self, partner_ids: Collection[str]) -> Sequence[PartnerPartyRow]:
        """Return the parties behind partners."""
        wanted = PartnerPartyRow.partner_id.in_(partner_ids)
        order = (PartnerPartyRow.country_code, PartnerPartyRow.party_id, PartnerPartyRow.role)
        return (await self._session.scalars(select(PartnerPartyRow).where(wanted).order_by(*order))).all()

    async def waiting_parties(self, partner_ids: Collection[str]) -> Sequence[WaitingPartyRow]:
        """Return the parties of partners that the operator has not accepted yet."""
        wanted = WaitingPartyRow.partner_id.in_(partner_ids)
        order = (WaitingPartyRow.country_code, WaitingPartyRow.party_id, WaitingPartyRow.role)
        return (await self._session.scalars(select(WaitingPartyRow).where(wanted).order_by(*order))).all()

    async def hub_clients(self, partner_ids: Collection[str]) -> Sequence[HubClientRow]:
        """Return the parties behind partners that are hubs."""
        return await HubClientRepository(self._session).owned(partner_ids)

    async def waiting_hub_clients(self, partner_ids: Collection[str]) -> Sequence[HubClientRow]:
        """Return the parties that hubs name, that were somebody else's, and that the operator has not accepted yet."""
        return await HubClientRepository(self._session).waiting(partner_ids)

    async def give(self, partner_id: str, parties: Collection[Party]) -> None:
        """Make a partner the owner of parties, whosever they were."""
        await PartyOwnerRepository(self._session).give(partner_id, parties)

    async def hubs_of(self, parties: Collection[Party]) -> dict[Party, str]:
        """Return which hubs parties are behind."""
        return await HubClientRepository(self._session).hubs_of(parties)

    async def endpoints(self, partner_ids: Collection[str]) -> Sequence[EndpointRow]:
        """Return the endpoints of partners."""
        wanted = EndpointRow.partner_id.in_(partner_ids)
        order = (EndpointRow.module, EndpointRow.role)
        return (await self._session.scalars(select(EndpointRow).where(wanted).order_by(*order))).all()

    async def owners_of(self, parties: Collection[Party]) -> dict[Party, str]:
        """Return which partners parties belong to, in any role."""
        wanted = PartnerPartyRow.party_id.in_({one.party_id for one in parties})
        rows = await self._session.scalars(select(PartnerPartyRow).where(wanted))
        return {
            party: row.partner_id for row in rows if (party := Party(row.country_code, row.party_id)) in set(parties)
        }

    async def replace_parties(self, partner_id: str, rows: Collection[PartnerPartyRow]) -> None:
        """Store what parties are behind a partner now. They remain its own when it has left."""
        await self.give(partner_id, {Party(one.country_code, one.party_id) for one in rows})
        await self._session.execute(delete(PartnerPartyRow).where(PartnerPartyRow.partner_id == partner_id))
        self._session.add_all(rows)

    async def replace_waiting_parties(self, partner_id: str, rows: Iterable[WaitingPartyRow]) -> None:
        """Store what parties of a partner wait for the operator now."""
        await self._session.execute(delete(WaitingPartyRow).where(WaitingPartyRow.partner_id == partner_id))
        self._session.add_all(rows)

    async def foreign_parties(
        self, partner_id: str, parties: Collection[Party], own: Iterable[OwnPartyRow]
    ) -> set[Party]:
        """Return those of the parties that are ours, another partner's, or behind a hub that is another partner."""
        owners = [*(await self.owners_of(parties)).items(), *(await self.hubs_of(parties)).items()]
        others = {party for party, owner in owners if owner != partner_id}
        return others | {*parties} & {Party(one.country_code, one.party_id) for one in own}

    async def show_locations_anew(self, partner_id: str, party: Party = EVERYBODY_PARTY, *, is_anew: bool) -> None:
        """Have a partner be sent all locations that it sees, and what it sees no more.

        Args:
            partner_id: Who it is.
            party: The party behind it. EVERYBODY_PARTY: all of it.
            is_anew: Whether it has none of them.
        """
        await StaleLocations(self._session).add_all(partner_id, party, is_anew=is_anew)

    async def replace_endpoints(self, partner_id: str, rows: Iterable[EndpointRow]) -> None:
        """Store what endpoints a partner has now."""
        await self._session.execute(delete(EndpointRow).where(EndpointRow.partner_id == partner_id))
        self._session.add_all(rows)

    def add(self, row: PartnerRow | PartnerPartyRow | IssuedTokenRow | OwnPartyRow) -> None:
        """Add a row."""
        self._session.add(row)

    async def delete(self, partner_id: str) -> None:
        """Delete a partner, with all that is stored of it. Its parties are not given to who names them first."""
        await PartyOwnerRepository(self._session).forget(partner_id)
        for table in (PartnerPartyRow, WaitingPartyRow, EndpointRow, IssuedTokenRow, PartnerRow):
            await self._session.execute(delete(table).where(table.partner_id == partner_id))

    async def issued(self, hashes: Collection[str]) -> Sequence[IssuedTokenRow]:
        """Return the tokens of ours with one of these hashes."""
        wanted = IssuedTokenRow.token_hash.in_(hashes)
        return (await self._session.scalars(select(IssuedTokenRow).where(wanted))).all()

    async def issued_to(self, partner_id: str) -> Sequence[IssuedTokenRow]:
        """Return the tokens of ours that a partner has, the oldest first."""
        wanted = IssuedTokenRow.partner_id == partner_id
        query = select(IssuedTokenRow).where(wanted).order_by(IssuedTokenRow.token_id)
        return (await self._session.scalars(query)).all()

    async def use(self, token_id: int, partner_id: str, now: datetime) -> None:
        """Note the first use of a token, which ends those that were issued before it."""
        changed = update(IssuedTokenRow).where(IssuedTokenRow.token_id == token_id).values(first_use_time=now)
        await self._session.execute(changed)
        before = (IssuedTokenRow.partner_id == partner_id) & (IssuedTokenRow.token_id < token_id)
        await self._session.execute(delete(IssuedTokenRow).where(before))

    async def revoke(self, *conditions: Any) -> int:
        """Delete tokens of ours, and return how many there were."""
        result = await self._session.execute(delete(IssuedTokenRow).where(*conditions))
        return int(getattr(result, "rowcount", 0))

    async def own_parties(self) -> Sequence[OwnPartyRow]:
        """Return our own parties, the first one first."""
        return (await self._session.scalars(_own_parties())).all()

    async def lock_own_parties(self) -> Sequence[OwnPartyRow]:
        """Return our own parties. Nobody else gets or gives up a party until the end of the transaction."""
        return (await self._session.scalars(_own_parties().with_for_update())).all()

    async def find_own_party(self, party: Party) -> OwnPartyRow | None:
        """Return a party of ours."""
        return await self._session.get(OwnPartyRow, (party.country_code, party.party_id))

    async def delete_own_party(self, party: Party) -> bool:
        """Delete a party of ours. Return False if there is none."""
        row = await self.find_own_party(party)
        if row is not None:
            await self._session.delete(row)
        return row is not None


def _own_parties() -> Select[OwnPartyRow]:
    order = (OwnPartyRow.create_time, OwnPartyRow.country_code, OwnPartyRow.party_id)
    return select(OwnPartyRow).order_by(*order)
