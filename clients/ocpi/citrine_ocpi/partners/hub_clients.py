"""Parties behind a hub, as it says by its module hubclientinfo."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import Enum, auto

from sqlalchemy import ColumnElement, ForeignKey, Index, String, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table
from citrine_ocpi.partner import OPERATORS
from citrine_ocpi.partners.owners import PartyOwnerRow
from citrine_ocpi.partners.tables import PartnerRow
from citrine_ocpi.transport.routing import Party

__all__ = ["UNREACHED", "Arrival", "HubClientRepository", "HubClientRow"]


AWAY = ("PLANNED", "SUSPENDED")
"""Statuses of a party that is not at the hub yet, or not any more."""

UNREACHED = (*AWAY, "OFFLINE")
"""Statuses of a party that gets nothing at present: it lists what it missed once it is there."""


_HUBS = select(PartnerRow.partner_id).where(PartnerRow.hub_consent_time.is_not(None))
"""Partners to whose being hubs the operator agrees."""


class Arrival(Enum):
    """What becomes of a party by what its hub says."""

    NEW = auto()
    """The hub named it first, or first in a role in which it is sent something."""
    BACK = auto()
    """The hub reaches it again."""
    NONE = auto()


class HubClientRow(Table):
    """A party behind a hub, and whether the hub reaches it."""

    __tablename__ = "hub_clients"
    __table_args__ = (Index(None, "country_code", "party_id"),)

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    """The hub."""
    country_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    party_id: Mapped[str] = mapped_column(String(3), primary_key=True)
    role: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    """CONNECTED, OFFLINE, PLANNED, SUSPENDED, or what the hub said otherwise."""
    update_time: Mapped[datetime]
    """When it became so, by the hub."""
    create_time: Mapped[datetime]
    """When the hub told of it first."""


class HubClientRepository:
    """The table of parties behind hubs within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, partner_id: str, party: Party) -> HubClientRow | None:
        """Return a party behind a hub."""
        return await self._session.get(HubClientRow, (partner_id, party.country_code, party.party_id))

    async def store(
        self, partner_id: str, party: Party, role: str, status: str, time: datetime, now: datetime
    ) -> Arrival:
        """Store what a hub says of a party, unless something newer is known.

        A party is listed once for each of its roles. The one counts in which it is sent something.
        """
        row = await self.find(partner_id, party)
        is_reader = role not in OPERATORS
        is_new = row is None or (is_reader and row.role in OPERATORS)
        if row is None:
            row = HubClientRow(
                partner_id=partner_id, country_code=party.country_code, party_id=party.party_id, create_time=now
            )
            self._session.add(row)
        elif not is_new and (row.update_time > time or (row.role not in OPERATORS and not is_reader)):
            return Arrival.NONE
        is_back = row.status in UNREACHED and status not in UNREACHED
        row.role, row.status, row.update_time = role, status, time
        return Arrival.NEW if is_new else Arrival.BACK if is_back else Arrival.NONE

    async def hubs_of(self, parties: Collection[Party]) -> dict[Party, str]:
        """Return whose hubs parties are, of those that the hub has not said to have left."""
        wanted = HubClientRow.party_id.in_({one.party_id for one in parties}) & HubClientRow.status.not_in(AWAY)
        wanted &= HubClientRow.partner_id.in_(_HUBS) & _is_owned()
        rows = await self._session.scalars(select(HubClientRow).where(wanted))
        return {party: row.partner_id for row in rows if (party := Party(row.country_code, row.party_id)) in parties}

    async def owned(self, partner_ids: Collection[str]) -> Sequence[HubClientRow]:
        """Return the parties whose objects hubs may see.

        Who is or was connected without the hub is not the hub's before the operator agrees: nobody gets to see what is
        somebody else's by saying that they are behind them.
        """
        return await self._list(HubClientRow.partner_id.in_(partner_ids), _is_owned())

    async def waiting(self, partner_ids: Collection[str]) -> Sequence[HubClientRow]:
        """Return the parties that hubs say to be there, and that are not theirs until the operator accepts them."""
        is_there = HubClientRow.status.not_in(AWAY)
        return await self._list(HubClientRow.partner_id.in_(partner_ids), is_there, ~_is_owned())

    async def _list(self, *conditions: ColumnElement[bool]) -> Sequence[HubClientRow]:
        query = select(HubClientRow).where(HubClientRow.partner_id.in_(_HUBS), *conditions)
        order = (HubClientRow.country_code, HubClientRow.party_id)
        return (await self._session.scalars(query.order_by(*order))).all()


def _is_owned() -> ColumnElement[bool]:
    """Return the condition that a party is that of the hub that names it."""
    return exists().where(
        PartyOwnerRow.country_code == HubClientRow.country_code,
        PartyOwnerRow.party_id == HubClientRow.party_id,
        PartyOwnerRow.partner_id == HubClientRow.partner_id,
    )
