"""What is asked of the tables of published objects, and written to them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.db.inserts import insert_missing, parts
from citrine_ocpi.published.erasure import lookup_of, uid_of
from citrine_ocpi.published.filters import LocationFilter
from citrine_ocpi.published.tables import EVERYBODY, AudienceRow, PositionRow, PublishedRow, ReceiptRow
from citrine_ocpi.published.tags import has_tags
from citrine_ocpi.transport import Party
from citrine_ocpi.transport.paging import PageRequest

__all__ = ["OF_DRIVERS", "Published", "PublishedRepository"]

OF_DRIVERS = ("sessions", "cdrs")
"""Modules whose objects are each of one token."""


@dataclass(frozen=True)
class Published:
    """An object to be stored."""

    module: str
    object_id: str
    source: str
    party: Party
    """Of ours, that owns it."""
    bodies: Mapping[str, Any]
    """JSON by version."""
    audience: Collection[Party]
    last_updated: datetime
    state: Mapping[str, Any] = field(default_factory=dict)


class PublishedRepository:
    """The tables of published objects within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, module: str, object_id: str) -> PublishedRow | None:
        """Return an object by its id, in any case."""
        exact = await self.find_exact(module, object_id)
        if exact is not None:
            return exact
        folded = (PublishedRow.module == module, func.lower(PublishedRow.object_id) == object_id.lower())
        return (await self._session.scalars(select(PublishedRow).where(*folded).limit(1))).first()

    async def find_exact(self, module: str, object_id: str) -> PublishedRow | None:
        """Return an object by its id."""
        same = (PublishedRow.module == module, PublishedRow.object_id == object_id)
        return (await self._session.scalars(select(PublishedRow).where(*same))).one_or_none()

    async def ids(self, module: str) -> Sequence[str]:
        """Return the ids of all objects of a module."""
        return (await self._session.scalars(select(PublishedRow.object_id).where(PublishedRow.module == module))).all()

    async def find_by_source(self, module: str, source: str) -> Sequence[PublishedRow]:
        """Return the objects that were made of something, the first one first."""
        same = select(PublishedRow).where(PublishedRow.module == module, PublishedRow.source == source)
        return (await self._session.scalars(same.order_by(PublishedRow.published_id))).all()

    async def find_by_sources(self, module: str, sources: Collection[str]) -> Mapping[str, PublishedRow]:
        """Return the first object that was made of each thing, where there is one."""
        wanted = (PublishedRow.module == module, PublishedRow.source.in_(sources))
        rows = await self._session.scalars(
            select(PublishedRow).where(*wanted).order_by(PublishedRow.published_id.desc())
        )
        return {row.source: row for row in rows}

    async def audiences_of_sources(self, module: str, sources: Collection[str]) -> Sequence[tuple[str, int, Party]]:
        """Return who may see what was made of some things: the thing, the number of the object, and a party of each."""
        found: list[tuple[str, int, Party]] = []
        for part in parts([*sources]):
            query = (
                select(PublishedRow.source, PublishedRow.published_id, AudienceRow.country_code, AudienceRow.party_id)
                .join(AudienceRow, AudienceRow.published_id == PublishedRow.published_id)
                .where(PublishedRow.module == module, PublishedRow.source.in_(part))
                .order_by(PublishedRow.published_id)
            )
            rows = await self._session.execute(query)
            found += [(source, number, Party(country, party)) for source, number, country, party in rows]
        return found

    async def get(self, published_id: int) -> PublishedRow:
        """Return an object by its number."""
        return await self._session.get_one(PublishedRow, published_id)

    async def find_of_token(self, uid: str) -> Sequence[PublishedRow]:
        """Return the objects of tokens of a uid, of whatever type."""
        same = PublishedRow.token_lookup == lookup_of(uid)
        return (await self._session.scalars(select(PublishedRow).where(same))).all()

    async def tokens(self) -> tuple[set[str], set[Party]]:
        """Return the uids of tokens that objects are of, in small letters, and the parties that see these objects."""
        uids = select(PublishedRow.token_lookup).where(PublishedRow.token_lookup.is_not(None)).distinct()
        parties = (
            select(AudienceRow.country_code, AudienceRow.party_id)
            .join(PublishedRow, PublishedRow.published_id == AudienceRow.published_id)
            .where(PublishedRow.module.in_(OF_DRIVERS))
            .distinct()
        )
        return {one for one in await self._session.scalars(uids) if one}, {
            Party(*one) for one in await self._session.execute(parties)
        }

    async def list_restricted(self, module: str) -> Sequence[PublishedRow]:
        """Return the objects of a module that some parties may see, and not everybody."""
        is_seen_by_some = exists().where(
            AudienceRow.published_id == PublishedRow.published_id, AudienceRow.country_code != EVERYBODY
        )
        query = select(PublishedRow).where(PublishedRow.module == module, is_seen_by_some)
        return (await self._session.scalars(query)).all()

    async def parties_of_recipient(self, partner_id: str) -> set[Party]:
        """Return the parties of whose tokens a partner was sent anything."""
        query = (
            select(AudienceRow.country_code, AudienceRow.party_id)
            .join(PublishedRow, PublishedRow.published_id == AudienceRow.published_id)
            .join(ReceiptRow, ReceiptRow.published_id == AudienceRow.published_id)
            .where(ReceiptRow.partner_id == partner_id, PublishedRow.module.in_(OF_DRIVERS))
            .distinct()
        )
        return {Party(*one) for one in await self._session.execute(query)}

    async def remove_of_parties(self, parties: Collection[Party]) -> None:
        """Remove what is of tokens of parties."""
        own = tuple_(AudienceRow.country_code, AudienceRow.party_id).in_(
            [(one.country_code, one.party_id) for one in parties]
        )
        ids = select(AudienceRow.published_id).where(own)
        gone = delete(PublishedRow).where(PublishedRow.module.in_(OF_DRIVERS), PublishedRow.published_id.in_(ids))
        await self._session.execute(gone.execution_options(synchronize_session=False))

    async def remove_older(self, before: datetime, limit: int) -> int:
        """Remove what is of tokens and changed last before a time, and return how much it was.

        Args:
            before: The time.
            limit: At most so many.
        """
        count = 0
        for module in OF_DRIVERS:
            old = (PublishedRow.module == module, PublishedRow.last_updated < before)
            query = select(PublishedRow.published_id).where(*old).order_by(PublishedRow.last_updated).limit(limit)
            ids = (await self._session.scalars(query)).all()
            gone = delete(PublishedRow).where(PublishedRow.published_id.in_(ids))
            await self._session.execute(gone.execution_options(synchronize_session=False))
            count = max(count, len(ids))
        return count

    async def audience(self, row: PublishedRow) -> set[Party]:
        """Return who may see an object."""
        return (await self._audiences([row]))[row.published_id]

    async def store(self, published: Published) -> PublishedRow:
        """Store an object in the place of what was stored of it."""
        row = await self.find_exact(published.module, published.object_id)
        (stored,) = await self.store_all([(row, published)])
        return stored

    async def store_all(self, objects: Sequence[tuple[PublishedRow | None, Published]]) -> Sequence[PublishedRow]:
        """Store objects, each in the place of what is stored of it (None: nothing), and return what is stored then."""
        rows = []
        for known, published in objects:
            row = known or PublishedRow(module=published.module, object_id=published.object_id)
            row.source, row.last_updated = published.source, published.last_updated
            row.country_code, row.party_id = published.party.country_code, published.party.party_id
            row.bodies, row.state = {**published.bodies}, {**published.state}
            row.token_lookup = lookup_of(uid_of(row.bodies)) or None
            rows.append(row)
        self._session.add_all(rows)
        await self._session.flush()
        known_rows = [row for row, (known, _) in zip(rows, objects, strict=True) if known is not None]
        audiences = await self._audiences(known_rows)
        for row, (_, published) in zip(rows, objects, strict=True):
            await self._set_audience(row, audiences[row.published_id], {*published.audience})
        await self._session.flush()
        return rows

    async def _audiences(self, rows: Sequence[PublishedRow]) -> Mapping[int, set[Party]]:
        found: dict[int, set[Party]] = defaultdict(set)
        ids = [row.published_id for row in rows]
        if ids:
            for one in await self._session.scalars(select(AudienceRow).where(AudienceRow.published_id.in_(ids))):
                found[one.published_id].add(Party(one.country_code, one.party_id))
        return found

    async def _set_audience(self, row: PublishedRow, known: set[Party], wanted: set[Party]) -> None:
        for party in known - wanted:
            own = (AudienceRow.country_code == party.country_code, AudienceRow.party_id == party.party_id)
            await self._session.execute(delete(AudienceRow).where(AudienceRow.published_id == row.published_id, *own))
        self._session.add_all(
            AudienceRow(published_id=row.published_id, country_code=party.country_code, party_id=party.party_id)
            for party in wanted - known
        )

    async def page(
        self,
        module: str,
        parties: Collection[Party],
        request: PageRequest,
        seen: LocationFilter = LocationFilter(),  # noqa: B008
    ) -> tuple[Sequence[PublishedRow], int]:
        """Return a page of what parties may see, by the time of the last change, and how much there is in all.

        Args:
            module: Of the objects.
            parties: Behind the connection of who asks.
            request: Which page.
            seen: What of it is to be seen.
        """
        wanted = [
            PublishedRow.module == module,
            _seen_by(parties) if seen.location_ids is None else PublishedRow.object_id.in_(seen.location_ids),
            *([has_tags(seen.tags)] if seen.tags else []),
            *([PublishedRow.last_updated >= request.date_from] if request.date_from else []),
            *([PublishedRow.last_updated < request.date_to] if request.date_to else []),
        ]
        total = await self._session.scalar(select(func.count()).select_from(PublishedRow).where(*wanted))
        rows = await self._session.scalars(
            select(PublishedRow)
            .where(*wanted)
            .order_by(PublishedRow.last_updated, PublishedRow.published_id)
            .offset(request.offset)
            .limit(request.limit)
        )
        return rows.all(), total or 0

    async def recipients(self, row: PublishedRow) -> set[str]:
        """Return the partners who were sent an object."""
        return (await self.recipients_of([row]))[row.published_id]

    async def recipients_of(self, rows: Sequence[PublishedRow]) -> Mapping[int, set[str]]:
        """Return the partners who were sent objects, by the number of each."""
        found: dict[int, set[str]] = defaultdict(set)
        own = ReceiptRow.published_id.in_([row.published_id for row in rows])
        query = select(ReceiptRow.published_id, ReceiptRow.partner_id).where(own)
        for published_id, partner_id in await self._session.execute(query) if rows else ():
            found[published_id].add(partner_id)
        return found

    async def sent_evses(self, row: PublishedRow) -> dict[str, Sequence[str] | None]:
        """Return the partners who were sent a location, each with the EVSEs. None: all of them."""
        query = select(ReceiptRow).where(ReceiptRow.published_id == row.published_id)
        return {one.partner_id: one.evses for one in await self._session.scalars(query)}

    async def set_sent_evses(self, row: PublishedRow, partner_id: str, evses: Sequence[str] | None) -> None:
        """Store that a partner is sent a location, and which EVSEs. None: all of them."""
        await self.add_recipients(row, [partner_id])
        own = (ReceiptRow.published_id == row.published_id, ReceiptRow.partner_id == partner_id)
        await self._session.execute(update(ReceiptRow).where(*own).values(evses=evses))

    async def missed(
        self,
        module: str,
        partner_id: str | None,
        parties: Collection[Party],
        since: datetime | None,
        limit: int,
        *,
        is_locked: bool = False,
    ) -> Sequence[tuple[PublishedRow, Party]]:
        """Return objects that a partner was not sent, each with the party that may see it, the first one first.

        Args:
            module: Of the objects.
            partner_id: Of the partner. None: objects that nobody was sent.
            parties: Behind the partner.
            since: When they were last updated, at the earliest. None: ever.
            limit: At most so many.
            is_locked: Whether nobody else may change them until the end of the transaction.
        """
        was_sent = exists().where(ReceiptRow.published_id == PublishedRow.published_id)
        if partner_id is not None:
            was_sent = was_sent.where(ReceiptRow.partner_id == partner_id)
        wanted = tuple_(AudienceRow.country_code, AudienceRow.party_id).in_(
            [(one.country_code, one.party_id) for one in parties]
        )
        query = (
            select(PublishedRow, AudienceRow.country_code, AudienceRow.party_id)
            .join(AudienceRow, AudienceRow.published_id == PublishedRow.published_id)
            .where(PublishedRow.module == module, wanted, ~was_sent)
            .order_by(PublishedRow.published_id)
            .limit(limit)
        )
        if since is not None:
            query = query.where(PublishedRow.last_updated >= since)
        if is_locked:
            query = query.with_for_update(of=PublishedRow)
        return [(row, Party(country, party)) for row, country, party in await self._session.execute(query)]

    async def add_recipients(self, row: PublishedRow, partner_ids: Iterable[str]) -> set[str]:
        """Store that partners are sent an object, and return those who were not before."""
        return {partner_id for _, partner_id in await self.add_receipts([(row, one) for one in partner_ids])}

    async def add_receipts(self, receipts: Iterable[tuple[PublishedRow, str]]) -> set[tuple[int, str]]:
        """Store which partners are sent which objects, and return what was not so before."""
        rows = [{"published_id": row.published_id, "partner_id": one, "url": ""} for row, one in receipts]
        columns = (ReceiptRow.published_id, ReceiptRow.partner_id)
        inserted = await insert_missing(self._session, ReceiptRow, rows, columns)
        return {(int(number), str(partner_id)) for number, partner_id in inserted}

    async def remove_recipients(self, row: PublishedRow, partner_ids: Collection[str]) -> None:
        """Store that partners see an object no more."""
        own = (ReceiptRow.published_id == row.published_id, ReceiptRow.partner_id.in_(partner_ids))
        await self._session.execute(delete(ReceiptRow).where(*own))

    async def position(self, name: str) -> int:
        """Return how far a list of the core was read. 0: not at all."""
        row = await self._session.get(PositionRow, name)
        return 0 if row is None else row.position

    async def set_position(self, name: str, position: int) -> None:
        """Store how far a list of the core was read."""
        row = await self._session.get(PositionRow, name)
        if row is None:
            self._session.add(PositionRow(name=name, position=position))
        else:
            row.position = max(row.position, position)

    async def set_url(self, module: str, object_id: str, partner_id: str, url: str) -> None:
        """Store where a partner has an object."""
        same = select(PublishedRow.published_id).where(
            PublishedRow.module == module, PublishedRow.object_id == object_id
        )
        own = (ReceiptRow.published_id.in_(same.scalar_subquery()), ReceiptRow.partner_id == partner_id)
        await self._session.execute(update(ReceiptRow).where(*own).values(url=url))


def _seen_by(parties: Collection[Party]) -> ColumnElement[bool]:
    everybody = [(EVERYBODY, EVERYBODY)]
    allowed = [*everybody, *((one.country_code, one.party_id) for one in parties)]
    return exists().where(
        AudienceRow.published_id == PublishedRow.published_id,
        tuple_(AudienceRow.country_code, AudienceRow.party_id).in_(allowed),
    )
