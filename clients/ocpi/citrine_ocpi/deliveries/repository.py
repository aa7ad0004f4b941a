"""What is asked of the tables of deliveries, and written to them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from citrine_ocpi.db.inserts import insert_missing, parts
from citrine_ocpi.deliveries.attempts import RETAINED
from citrine_ocpi.deliveries.tables import CircuitRow, DeliveryRow, UnreachedRow
from citrine_ocpi.partners.hub_clients import UNREACHED, HubClientRow
from citrine_ocpi.partners.tables import PartnerRow
from citrine_ocpi.transport.routing import Party

__all__ = ["DeliveryRepository", "DuePartner"]


_IS_WAITING = DeliveryRow.dead_time.is_(None)


def _is_to(row: type[UnreachedRow] | type[HubClientRow]) -> ColumnElement[bool]:
    """Return the condition that a delivery is for a party."""
    return and_(
        row.partner_id == DeliveryRow.partner_id,
        row.country_code == DeliveryRow.receiver_country,
        row.party_id == DeliveryRow.receiver_party,
    )


def _is_reached(now: datetime) -> ColumnElement[bool]:
    """Return the condition that the party that a delivery is for may be reached: its hub has not said otherwise."""
    is_away = exists().where(_is_to(HubClientRow), HubClientRow.status.in_(UNREACHED))
    return ~is_away & ~exists().where(_is_to(UnreachedRow), UnreachedRow.open_time > now)


def _is_behind_probe(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a delivery waits for another one to find out whether its receiver is reached again.

    Not for one that is tried later: the receiver may be there, and that one be what always fails.
    """
    ahead = aliased(DeliveryRow)
    return exists().where(_is_to(UnreachedRow)) & exists().where(
        ahead.partner_id == DeliveryRow.partner_id,
        ahead.receiver_country == DeliveryRow.receiver_country,
        ahead.receiver_party == DeliveryRow.receiver_party,
        ahead.delivery_id < DeliveryRow.delivery_id,
        ahead.dead_time.is_(None),
        ahead.due_time <= now,
    )


def _is_free(row: type[DeliveryRow], now: datetime) -> ColumnElement[bool]:
    return or_(row.lease_time.is_(None), row.lease_time <= now)


@dataclass(frozen=True)
class DuePartner:
    """A partner for whom something is due."""

    failures: int
    """In a row."""
    may_be_hub: bool
    """Whether the operator agrees to others being behind it."""
    credentials: tuple[Any, ...]
    """Others than before where it has other endpoints, or another token: each exchange stores a new ciphertext."""


class DeliveryRepository:
    """The tables of deliveries within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def waiting(self, places: Collection[tuple[str, str]]) -> Sequence[DeliveryRow]:
        """Return what waits for partners of objects, locked until the end of the transaction."""
        ids: list[int] = []
        for part in parts(sorted(places)):
            wanted = tuple_(DeliveryRow.partner_id, DeliveryRow.object_key).in_(part)
            ids += await self._session.scalars(select(DeliveryRow.delivery_id).where(wanted, _IS_WAITING))
        rows: list[DeliveryRow] = []
        # In one order, so that two who lock the same rows don't wait for each other.
        for some in parts(sorted(ids)):
            query = select(DeliveryRow).where(DeliveryRow.delivery_id.in_(some), _IS_WAITING)
            rows += await self._session.scalars(query.order_by(DeliveryRow.delivery_id).with_for_update())
        return rows

    async def insert(self, rows: Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
        """Insert rows but those that there are, and return the places of those that were inserted."""
        columns = (DeliveryRow.partner_id, DeliveryRow.object_key)
        return {
            (str(one), str(other)) for one, other in await insert_missing(self._session, DeliveryRow, rows, columns)
        }

    async def due_partners(self, now: datetime) -> Mapping[str, DuePartner]:
        """Return the partners for whom something is due that may be sent."""
        is_due = exists().where(
            DeliveryRow.partner_id == PartnerRow.partner_id,
            _IS_WAITING,
            DeliveryRow.due_time <= now,
            _is_free(DeliveryRow, now),
            or_(PartnerRow.hub_consent_time.is_(None), _is_reached(now)),
        )
        query = (
            select(
                PartnerRow.partner_id,
                CircuitRow.failures,
                PartnerRow.hub_consent_time,
                PartnerRow.token,
                PartnerRow.version,
                PartnerRow.versions_url,
                PartnerRow.is_raw,
            )
            .outerjoin(CircuitRow, CircuitRow.partner_id == PartnerRow.partner_id)
            .where(
                PartnerRow.version.is_not(None),
                PartnerRow.suspend_time.is_(None),
                or_(CircuitRow.open_time.is_(None), CircuitRow.open_time <= now),
                is_due,
            )
        )
        return {
            partner_id: DuePartner(failures or 0, consent_time is not None, tuple(credentials))
            for partner_id, failures, consent_time, *credentials in await self._session.execute(query)
        }

    async def find_due(self, partner_id: str, limit: int, now: datetime, *, is_hub: bool) -> Sequence[int]:
        """Return the ids of what is due for a partner, the first of each order, locked for the transaction."""
        before = aliased(DeliveryRow)
        is_behind = exists().where(
            before.partner_id == DeliveryRow.partner_id,
            before.order_key == DeliveryRow.order_key,
            before.delivery_id < DeliveryRow.delivery_id,
            before.dead_time.is_(None),
        )
        found = (
            select(DeliveryRow.delivery_id)
            .where(
                DeliveryRow.partner_id == partner_id,
                DeliveryRow.dead_time.is_(None),
                DeliveryRow.due_time <= now,
                _is_free(DeliveryRow, now),
                ~is_behind,
                *([_is_reached(now), ~_is_behind_probe(now)] if is_hub else []),
            )
            .order_by(DeliveryRow.due_time, DeliveryRow.delivery_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self._session.scalars(found)).all()

    async def claim(self, delivery_ids: Collection[int], now: datetime, until: datetime) -> Sequence[DeliveryRow]:
        """Return those of some deliveries that nobody else sends, and have nobody else send them until a time."""
        rows: list[DeliveryRow] = []
        # A process that ended while it sent this may have sent it: a PATCH would append its lists once more.
        changes = case((DeliveryRow.lease_time.is_(None), DeliveryRow.changes), else_="")
        for part in parts(sorted(delivery_ids)):
            free = (DeliveryRow.delivery_id.in_(part), _is_free(DeliveryRow, now))
            claimed = update(DeliveryRow).where(*free).values(lease_time=until, changes=changes)
            rows += await self._session.scalars(claimed.returning(DeliveryRow))
        return sorted(rows, key=lambda row: row.delivery_id)

    async def lock(self, rows: Sequence[DeliveryRow]) -> None:
        """Lock deliveries until the end of the transaction, in the order in which all do that."""
        if self._session.get_bind().dialect.name != "postgresql":
            # SQLite has one writer.
            return
        for part in parts(sorted(row.delivery_id for row in rows)):
            query = select(DeliveryRow.delivery_id).where(DeliveryRow.delivery_id.in_(part))
            await self._session.execute(query.order_by(DeliveryRow.delivery_id).with_for_update())

    async def finish(self, rows: Sequence[DeliveryRow]) -> set[int]:
        """Delete what partners have got, and return the ids of it. The others have newer versions."""
        claims = tuple_(DeliveryRow.delivery_id, DeliveryRow.revision, DeliveryRow.lease_time)
        finished: set[int] = set()
        for part in parts([(row.delivery_id, row.revision, row.lease_time) for row in rows]):
            gone = delete(DeliveryRow).where(claims.in_(part)).returning(DeliveryRow.delivery_id)
            result = await self._session.execute(gone.execution_options(synchronize_session=False))
            finished |= {*result.scalars()}
        return finished

    async def release(self, row: DeliveryRow, **values: Any) -> None:
        """Have anybody send something again that was claimed, with other values."""
        is_own = (DeliveryRow.delivery_id == row.delivery_id, DeliveryRow.lease_time == row.lease_time)
        released = update(DeliveryRow).where(*is_own).values(lease_time=None, **values)
        await self._session.execute(released.execution_options(synchronize_session=False))

    async def circuit(self, partner_id: str) -> CircuitRow | None:
        """Return how well a partner is reached. None: nothing failed yet."""
        return await self._session.get(CircuitRow, partner_id, with_for_update=True)

    async def circuits(self, partner_ids: Collection[str]) -> Mapping[str, CircuitRow]:
        """Return how well partners are reached, those of whom something failed, locked for the transaction."""
        query = select(CircuitRow).where(CircuitRow.partner_id.in_(partner_ids)).order_by(CircuitRow.partner_id)
        return {row.partner_id: row for row in await self._session.scalars(query.with_for_update())}

    async def unreached(self, partner_id: str) -> Mapping[Party, UnreachedRow]:
        """Return the parties behind a hub that it did not reach last."""
        rows = await self._session.scalars(select(UnreachedRow).where(UnreachedRow.partner_id == partner_id))
        return {Party(row.country_code, row.party_id): row for row in rows}

    async def try_again(self, partner_id: str, receivers: Collection[Party], now: datetime) -> None:
        """Have it be found out at once whether a hub reaches parties again."""
        party = tuple_(UnreachedRow.country_code, UnreachedRow.party_id)
        for part in parts([(one.country_code, one.party_id) for one in receivers]):
            due = update(UnreachedRow).where(UnreachedRow.partner_id == partner_id, party.in_(part))
            await self._session.execute(due.values(open_time=now).execution_options(synchronize_session=False))

    def add_unreached(self, row: UnreachedRow) -> None:
        """Add a party behind a hub that it did not reach."""
        self._session.add(row)

    async def remove_unreached(self, row: UnreachedRow) -> None:
        """Remove a party behind a hub that it reaches again."""
        await self._session.delete(row)

    async def begin_anew(self, partner_id: str, now: datetime, receiver: Party | None = None) -> None:
        """Have what waits for a partner, or for a party behind it, be sent at once, as if nothing had failed before.

        Args:
            partner_id: Of the partner, who is there again.
            now: The time.
            receiver: Only what is for this party behind it.
        """
        own = [DeliveryRow.partner_id == partner_id, _IS_WAITING]
        failed = [UnreachedRow.partner_id == partner_id]
        if receiver is not None:
            own += [
                DeliveryRow.receiver_country == receiver.country_code,
                DeliveryRow.receiver_party == receiver.party_id,
            ]
            failed += [UnreachedRow.country_code == receiver.country_code, UnreachedRow.party_id == receiver.party_id]
        else:
            await self._session.execute(delete(CircuitRow).where(CircuitRow.partner_id == partner_id))
        await self._session.execute(delete(UnreachedRow).where(*failed))
        again = update(DeliveryRow).where(*own).values(create_time=now, due_time=now, attempts=0)
        await self._session.execute(again.execution_options(synchronize_session=False))

    def add_circuit(self, row: CircuitRow) -> None:
        """Add how well a partner is reached."""
        self._session.add(row)

    async def list_some(self, partner_id: str, *, is_dead: bool, limit: int) -> Sequence[DeliveryRow]:
        """Return what waits, or what was given up, the oldest first.

        Args:
            partner_id: For this partner. Empty: for all.
            is_dead: Whether it was given up.
            limit: At most so many. 0: all.
        """
        query = select(DeliveryRow).order_by(DeliveryRow.delivery_id)
        query = query.where(DeliveryRow.dead_time.is_not(None) if is_dead else DeliveryRow.dead_time.is_(None))
        if partner_id:
            query = query.where(DeliveryRow.partner_id == partner_id)
        return (await self._session.scalars(query.limit(limit) if limit else query)).all()

    async def find_all(self, delivery_ids: Collection[int]) -> Sequence[DeliveryRow]:
        """Return deliveries by their ids."""
        rows: list[DeliveryRow] = []
        for part in parts([*delivery_ids]):
            rows += await self._session.scalars(select(DeliveryRow).where(DeliveryRow.delivery_id.in_(part)))
        return rows

    async def forget_dead(self, rows: Sequence[DeliveryRow]) -> None:
        """Delete what was given up of the objects of deliveries: partners have, or will never get, newer versions."""
        # The order is of the object, and in an index, which the object of what was given up is not.
        place = tuple_(DeliveryRow.partner_id, DeliveryRow.order_key, DeliveryRow.object_key)
        for part in parts([(row.partner_id, row.order_key, row.object_key) for row in rows]):
            dead = (place.in_(part), DeliveryRow.dead_time.is_not(None))
            await self._session.execute(delete(DeliveryRow).where(*dead).execution_options(synchronize_session=False))

    async def remove_dead_of(self, object_keys: Collection[str]) -> None:
        """Delete what was given up of objects, for whomever it was."""
        for part in parts([*object_keys]):
            dead = (DeliveryRow.dead_time.is_not(None), DeliveryRow.object_key.in_(part))
            await self._session.execute(delete(DeliveryRow).where(*dead))

    async def remove_dead_before(self, time: datetime) -> int:
        """Delete what was given up before a time but what is kept, and return how much it was."""
        old = (DeliveryRow.dead_time < time, DeliveryRow.module.not_in(RETAINED))
        result = await self._session.execute(delete(DeliveryRow).where(*old))
        return int(getattr(result, "rowcount", 0))

    async def delete(self, row: DeliveryRow) -> None:
        """Delete a delivery."""
        await self._session.delete(row)

    async def count_waiting(self, partner_id: str, most: int) -> int:
        """Return how many wait for a partner, of which no more than a number are counted."""
        some = select(DeliveryRow.delivery_id).where(DeliveryRow.partner_id == partner_id, _IS_WAITING).limit(most)
        return await self._session.scalar(select(func.count()).select_from(some.subquery())) or 0

    async def count(self) -> tuple[int, int]:
        """Return how many wait, and how many were given up."""
        query = select(func.count(), func.count(DeliveryRow.dead_time)).select_from(DeliveryRow)
        total, dead = (await self._session.execute(query)).one()
        return total - dead, dead
