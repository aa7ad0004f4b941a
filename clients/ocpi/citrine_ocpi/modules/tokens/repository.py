"""What is asked of the tables of tokens, and written to them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.db.inserts import insert_missing
from citrine_ocpi.modules.tokens.tables import AuthorizationRow, TokenPullRow, TokenRow
from citrine_ocpi.transport.routing import Party

__all__ = ["Beginning", "TokenKey", "TokenRepository"]

TokenKey = tuple[str, str, str, str]
"""Country, party, uid in small letters, type."""

_KEY = (TokenRow.country_code, TokenRow.party_id, TokenRow.lookup, TokenRow.type)


@dataclass(frozen=True)
class Beginning:
    """A session that begins by a token."""

    partner_ids: Collection[str]
    """The connections of the token's owner, whose answers count."""
    uid: str
    station_id: str
    began: datetime

    def is_of(self, row: AuthorizationRow, before: timedelta) -> bool:
        """Return whether an answer is about it."""
        return (
            row.partner_id in self.partner_ids
            and (row.lookup, row.station_id) == (self.uid.lower(), self.station_id)
            and abs(row.create_time - self.began) <= before
        )


class TokenRepository:
    """The tables of tokens within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, keys: Collection[TokenKey]) -> dict[TokenKey, TokenRow]:
        """Return tokens."""
        rows = await self._session.scalars(select(TokenRow).where(tuple_(*_KEY).in_([*keys])))
        return {(row.country_code, row.party_id, row.lookup, row.type): row for row in rows}

    async def types_of(self, tokens: Collection[tuple[Party, str]]) -> Mapping[tuple[Party, str], set[str]]:
        """Return the types by which parties told tokens, by party and uid in small letters."""
        by_party: dict[Party, set[str]] = defaultdict(set)
        for party, uid in tokens:
            by_party[party].add(uid.lower())
        found: dict[tuple[Party, str], set[str]] = defaultdict(set)
        wanted = [
            and_(
                TokenRow.country_code == party.country_code,
                TokenRow.party_id == party.party_id,
                TokenRow.lookup.in_(sorted(uids)),
            )
            for party, uids in by_party.items()
        ]
        columns = (TokenRow.country_code, TokenRow.party_id, TokenRow.lookup, TokenRow.type)
        for country, party_id, lookup, name in await self._session.execute(select(*columns).where(or_(*wanted))):
            found[Party(country, party_id), lookup].add(name)
        return found

    async def has_any(self, party: Party) -> bool:
        """Return whether a party told a token."""
        of_party = (TokenRow.country_code == party.country_code, TokenRow.party_id == party.party_id)
        return await self._session.scalar(select(TokenRow.lookup).where(*of_party).limit(1)) is not None

    async def parties(self) -> Sequence[Party]:
        """Return the parties that told tokens, each by a look at the index: they are few, and their tokens many."""
        key = (TokenRow.country_code, TokenRow.party_id)
        found: list[Party] = []
        query = select(*key).order_by(*key).limit(1)
        row = (await self._session.execute(query)).first()
        while row is not None:
            found.append(Party(*row))
            row = (await self._session.execute(query.where(tuple_(*key) > tuple_(*row)))).first()
        return found

    async def of_party(self, party: Party) -> Mapping[TokenKey, datetime]:
        """Return when the tokens of a party were last updated."""
        own = (TokenRow.country_code == party.country_code, TokenRow.party_id == party.party_id)
        rows = await self._session.execute(select(*_KEY, TokenRow.last_updated).where(*own))
        return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}

    async def asked_about(self) -> set[str]:
        """Return the uids, in small letters, of tokens of which it is stored what a provider said."""
        return {*(await self._session.scalars(select(AuthorizationRow.lookup).distinct()))}

    async def replace(self, key: TokenKey, known: datetime, time: datetime, body: dict[str, Any]) -> bool:
        """Store a change of what was last updated at a known time. Return False if it is another by now."""
        same = (tuple_(*_KEY) == key, TokenRow.last_updated == known)
        result = await self._session.execute(update(TokenRow).where(*same).values(last_updated=time, body=body))
        return bool(getattr(result, "rowcount", 0))

    async def store(self, tokens: Mapping[TokenKey, tuple[datetime, dict[str, Any]]]) -> None:
        """Store those that are not older than what is there."""
        rows = [
            {**dict(zip((one.key for one in _KEY), key, strict=True)), "last_updated": time, "body": body}
            for key, (time, body) in sorted(tokens.items())
        ]
        new = await insert_missing(self._session, TokenRow, rows, _KEY)
        for key in tokens.keys() - {tuple(one) for one in new}:
            time, body = tokens[key]
            older = (tuple_(*_KEY) == key, TokenRow.last_updated <= time)
            await self._session.execute(update(TokenRow).where(*older).values(last_updated=time, body=body))

    async def claim_pull(
        self, partner_id: str, register_time: datetime, parties: str, now: datetime, until: datetime
    ) -> TokenPullRow | None:
        """Return how far the list of a partner was read, if it is due, and let nobody else read it until a time.

        Args:
            partner_id: Of the partner.
            register_time: When it registered. Another time than before: it is read from the beginning.
            parties: Behind it. Another one than before: likewise, for that one's tokens were left out.
            now: The time.
            until: When others may read it.
        """
        row = {"partner_id": partner_id, "register_time": register_time, "due_time": now, "problem": "", "parties": ""}
        await insert_missing(self._session, TokenPullRow, [row], [TokenPullRow.partner_id])
        own = TokenPullRow.partner_id == partner_id
        is_other = or_(TokenPullRow.register_time != register_time, TokenPullRow.parties != parties)
        result = await self._session.execute(
            update(TokenPullRow).where(own, or_(TokenPullRow.due_time <= now, is_other)).values(due_time=until)
        )
        if not getattr(result, "rowcount", 0):
            return None
        found = await self._session.get(TokenPullRow, partner_id, populate_existing=True)
        if found is not None:
            if found.register_time != register_time or {*parties.split(",")} - {*found.parties.split(",")}:
                found.until_time = None
            found.register_time, found.parties = register_time, parties
        return found

    async def end_pull(
        self, partner_id: str, parties: str, until_time: datetime | None, due_time: datetime, problem: str
    ) -> None:
        """Store that a list was read up to a time for some parties, or why it could not be."""
        values: dict[str, Any] = {"due_time": due_time, "problem": problem[:500]}
        if until_time is not None:
            values["until_time"] = until_time
        # For others it is read anew.
        own = (TokenPullRow.partner_id == partner_id, TokenPullRow.parties == parties)
        await self._session.execute(update(TokenPullRow).where(*own).values(**values))

    async def add_authorization(
        self, partner_id: str, uid: str, station_id: str, reference: str, now: datetime, retention: timedelta
    ) -> None:
        """Store what a provider calls its answer, and remove what is older than any session that still begins."""
        await self.remove_authorizations(now - retention)
        self._session.add(
            AuthorizationRow(
                partner_id=partner_id,
                lookup=uid.lower(),
                station_id=station_id,
                reference=reference,
                create_time=now,
            )
        )

    async def add_command(
        self,
        partner_id: str,
        uid: str,
        station_id: str,
        now: datetime,
        until: datetime,
        reservation_id: int | None = None,
    ) -> None:
        """Store that a provider let a driver charge by a command.

        Args:
            partner_id: Of the partner.
            uid: Of the token.
            station_id: Where it is for.
            now: When the command came.
            until: Until when nobody is asked about the token there.
            reservation_id: Of OCPP, where it is for a reservation.
        """
        self._session.add(
            AuthorizationRow(
                partner_id=partner_id,
                lookup=uid.lower(),
                station_id=station_id,
                reference="",
                create_time=now,
                until_time=until,
                reservation_id=reservation_id,
            )
        )

    async def is_commanded(self, partner_id: str, uid: str, station_id: str, now: datetime) -> bool:
        """Return whether a provider let a driver charge at a station by a command that still counts."""
        query = select(AuthorizationRow.authorization_id).where(
            AuthorizationRow.partner_id == partner_id,
            AuthorizationRow.lookup == uid.lower(),
            AuthorizationRow.station_id == station_id,
            AuthorizationRow.until_time > now,
        )
        return await self._session.scalar(query.limit(1)) is not None

    async def end_reservation(
        self, uid: str, station_id: str, reservation_id: int, least: timedelta, since: datetime | None = None
    ) -> None:
        """Have a reservation that is over let nobody charge any more.

        Args:
            uid: Of its token.
            station_id: Its station.
            reservation_id: Its number there.
            least: How long a command counts in any case.
            since: Only what was said by commands from then on. None: by all.
        """
        of_it = [
            AuthorizationRow.lookup == uid.lower(),
            AuthorizationRow.station_id == station_id,
            AuthorizationRow.reservation_id == reservation_id,
        ]
        if since is not None:
            of_it.append(AuthorizationRow.create_time >= since)
        for row in await self._session.scalars(select(AuthorizationRow).where(*of_it)):
            if row.until_time is not None:
                row.until_time = min(row.until_time, row.create_time + least)

    async def find_reference(
        self, partner_ids: Collection[str], uid: str, station_id: str, began: datetime, before: timedelta
    ) -> str:
        """Return what the owner of a token called its last answer before a session began. Empty: nothing.

        Args:
            partner_ids: The connections of the owner, whose answers count.
            uid: Of the token.
            station_id: Where it was presented.
            began: When the session began.
            before: How long before or after that it was asked, at most.
        """
        (found,) = await self.find_references([Beginning(partner_ids, uid, station_id, began)], before)
        return found

    async def find_references(self, sessions: Sequence[Beginning], before: timedelta) -> Sequence[str]:
        """Return for each session what the owner of its token called its last answer. Empty: nothing.

        Args:
            sessions: That began.
            before: How long before or after that the owner was asked, at most.
        """
        times = [one.began for one in sessions]
        if not times:
            return []
        rows = await self._session.scalars(
            select(AuthorizationRow)
            .where(
                AuthorizationRow.lookup.in_({one.uid.lower() for one in sessions}),
                AuthorizationRow.station_id.in_({one.station_id for one in sessions}),
                AuthorizationRow.create_time <= max(times) + before,
                AuthorizationRow.create_time >= min(times) - before,
                AuthorizationRow.until_time.is_(None),
            )
            .order_by(AuthorizationRow.create_time.desc())
        )
        known = rows.all()
        return [next((row.reference for row in known if one.is_of(row, before)), "") for one in sessions]

    async def find_of_uid(self, uid: str) -> Sequence[TokenRow]:
        """Return the tokens of a uid, of whomever and of whatever type."""
        return (await self._session.scalars(select(TokenRow).where(TokenRow.lookup == uid.lower()))).all()

    async def remove(self, row: TokenRow) -> None:
        """Remove a token."""
        await self._session.delete(row)

    async def forget_authorizations(self, uid: str) -> None:
        """Remove what providers said of a token."""
        await self._session.execute(delete(AuthorizationRow).where(AuthorizationRow.lookup == uid.lower()))

    async def remove_authorizations(self, before: datetime) -> None:
        """Remove what providers said before a time."""
        is_over = or_(AuthorizationRow.until_time.is_(None), AuthorizationRow.until_time < before)
        await self._session.execute(delete(AuthorizationRow).where(AuthorizationRow.create_time < before, is_over))

    async def remove_of_partner(self, partner_id: str, parties: Collection[tuple[str, str]]) -> None:
        """Remove the tokens of a partner's parties, and what it said of any."""
        own = tuple_(TokenRow.country_code, TokenRow.party_id).in_([*parties])
        await self._session.execute(delete(TokenRow).where(own))
        await self._session.execute(delete(AuthorizationRow).where(AuthorizationRow.partner_id == partner_id))

    async def pulls(self) -> Sequence[TokenPullRow]:
        """Return how far the lists of all partners were read."""
        return (await self._session.scalars(select(TokenPullRow).order_by(TokenPullRow.partner_id))).all()
