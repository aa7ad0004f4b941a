"""Locations that partners and parties behind hubs have not got as they are, and are sent once they are there."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ForeignKey, Index, String, delete, exists, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table
from citrine_ocpi.db.inserts import insert_missing, insert_missing_of
from citrine_ocpi.published.tables import PublishedRow, ReceiptRow
from citrine_ocpi.published.viewers import EVERYBODY_PARTY
from citrine_ocpi.transport import Party

__all__ = ["Stale", "StaleLocationRow", "StaleLocations"]

MODULE = "locations"


class StaleLocationRow(Table):
    """A location that a reader has not got as it is now, because it changed while the reader was not reached."""

    __tablename__ = "stale_locations"
    __table_args__ = (Index(None, "partner_id", "published_id"),)

    published_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("published_objects.published_id", ondelete="CASCADE"), primary_key=True
    )
    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    country_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    """Of the party behind a hub. Empty: the partner itself, or all parties behind the hub."""
    party_id: Mapped[str] = mapped_column(String(3), primary_key=True)
    was_sent: Mapped[bool]
    """Whether the reader has it as it was: it is told where it sees it no more."""


@dataclass(frozen=True)
class Stale:
    """Who has another version of a location than there is."""

    partner_id: str
    party: Party
    """EVERYBODY_PARTY: the partner itself, or all parties behind the hub."""
    was_sent: bool


class StaleLocations:
    """The table of stale locations within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: PublishedRow, readers: Iterable[Stale]) -> None:
        """Store who has not got a location as it is. What is known of a reader remains."""
        rows = [
            {
                "published_id": row.published_id,
                "partner_id": one.partner_id,
                "country_code": one.party.country_code,
                "party_id": one.party.party_id,
                "was_sent": one.was_sent,
            }
            for one in readers
        ]
        await insert_missing(self._session, StaleLocationRow, rows, [StaleLocationRow.published_id])

    async def add_all(self, partner_id: str, party: Party = EVERYBODY_PARTY, *, is_anew: bool) -> None:
        """Store that a reader has to be sent all locations that it sees.

        Args:
            partner_id: The partner.
            party: The party behind it. EVERYBODY_PARTY: the partner itself, or all parties behind it.
            is_anew: Whether it has none of them. Otherwise it is told which of those that it got it sees no more.
        """
        own = (StaleLocationRow.country_code == party.country_code, StaleLocationRow.party_id == party.party_id)
        await self._session.execute(delete(StaleLocationRow).where(StaleLocationRow.partner_id == partner_id, *own))
        receipt = (ReceiptRow.partner_id == partner_id, ReceiptRow.published_id == PublishedRow.published_id)
        if is_anew and party == EVERYBODY_PARTY:
            of_module = select(PublishedRow.published_id).where(PublishedRow.module == MODULE)
            gone = delete(ReceiptRow).where(ReceiptRow.partner_id == partner_id, ReceiptRow.published_id.in_(of_module))
            await self._session.execute(gone.execution_options(synchronize_session=False))
        names = ["published_id", "partner_id", "country_code", "party_id", "was_sent"]
        values = (literal(partner_id), literal(party.country_code), literal(party.party_id))
        was_sent = literal(False) if is_anew else exists().where(*receipt)
        rows = select(PublishedRow.published_id, *values, was_sent).where(PublishedRow.module == MODULE)
        await insert_missing_of(self._session, StaleLocationRow, names, rows)

    async def partners(self) -> set[str]:
        """Return the partners for whom there is something."""
        return {*await self._session.scalars(select(StaleLocationRow.partner_id).distinct())}

    async def of(self, row: PublishedRow) -> Mapping[str, Mapping[Party, bool]]:
        """Return who has not got a location as it is: by partner and party, whether they have it as it was."""
        found: dict[str, dict[Party, bool]] = {}
        query = select(StaleLocationRow).where(StaleLocationRow.published_id == row.published_id)
        for one in await self._session.scalars(query):
            found.setdefault(one.partner_id, {})[Party(one.country_code, one.party_id)] = one.was_sent
        return found

    async def next(self, partner_id: str, readers: Collection[Party] | None, limit: int) -> Sequence[PublishedRow]:
        """Return locations that a partner is to be sent, which nobody else changes until the end of the transaction.

        Args:
            partner_id: The partner.
            readers: Who of it can be sent anything. None: all.
            limit: At most so many.
        """
        wanted = [StaleLocationRow.partner_id == partner_id]
        if readers is not None:
            names = [(one.country_code, one.party_id) for one in readers]
            wanted.append(tuple_(StaleLocationRow.country_code, StaleLocationRow.party_id).in_(names))
        some = select(StaleLocationRow.published_id).where(*wanted).distinct().limit(limit)
        query = select(PublishedRow).where(PublishedRow.published_id.in_(some)).order_by(PublishedRow.published_id)
        return (await self._session.scalars(query.with_for_update().execution_options(populate_existing=True))).all()

    async def remove(self, row: PublishedRow, partner_id: str, parties: Collection[Party]) -> None:
        """Store that readers are sent a location as it is."""
        own = (StaleLocationRow.published_id == row.published_id, StaleLocationRow.partner_id == partner_id)
        names = [(one.country_code, one.party_id) for one in parties]
        party = tuple_(StaleLocationRow.country_code, StaleLocationRow.party_id).in_(names)
        gone = delete(StaleLocationRow).where(*own, party)
        await self._session.execute(gone.execution_options(synchronize_session=False))
