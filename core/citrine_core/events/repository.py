"""Queries of the outbox."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Dialect, Row, ScalarSelect, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.events.v1.events_pb2 import Event
from citrine_core.db import Due, database_of
from citrine_core.db.bulk import BulkInsert, BulkUpsert, given
from citrine_core.db.partitions import drop_partition, find_old_partition
from citrine_core.events.models import OutboxEvent, OutboxState
from citrine_core.times import set_time

__all__ = ["Horizon", "OutboxRepository", "Part"]

_STATE_ID = 1

_OUTBOX = OutboxEvent.metadata.tables[OutboxEvent.__tablename__]


class _InsertEvents(BulkInsert):
    """The INSERT of events, which announces them."""

    def _build(self, dialect: Dialect, values: str) -> str:
        into = f"{self._table.name} ({', '.join(self._names(dialect))})"
        return database_of(dialect).outbox_order.announcing_insert(into, values)


_ADD = _InsertEvents(
    _OUTBOX,
    ("tenant_id", "station_id", "kind", "payload", "create_time"),
)

_STATE = OutboxState.metadata.tables[OutboxState.__tablename__]
_PUT_PRUNED = BulkUpsert(
    _STATE, ("id", "pruned_through"), ("id",), where=_STATE.c.pruned_through < given(_STATE, "pruned_through")
)


@dataclass(frozen=True, slots=True)
class Horizon:
    """The id up to which the outbox may be read: no event up to it will be committed later."""

    through: int
    """The id. There need not be an event with it."""
    is_behind: bool
    """Whether a writer may already have a higher id."""


class Part(NamedTuple):
    """A part of the outbox."""

    last: int
    """Up to which id it was read. `after` if there was no event."""
    events: Sequence[Row[int, bytes]]
    """Id and payload of the events that are wanted."""
    is_all: bool
    """Whether there was no further event."""


class OutboxRepository:
    """Reads and writes the outbox within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_all(self, events: Sequence[Event], time: datetime) -> None:
        """Store events in their order, and set their time.

        Must be the last step before the commit: until then readers see no later events of anybody.
        """
        await _ADD.execute(self._session, _to_rows(events, time))

    async def rehearse(self, time: datetime) -> None:
        """Insert an event of no tenant as writers do, read the horizon as readers do, and delete the event."""
        await self.add_all([Event()], time)
        await self.horizon()
        await self._session.execute(delete(OutboxEvent).where(OutboxEvent.tenant_id == ""))

    async def list(
        self,
        tenant_id: str,
        *,
        after: int,
        through: int,
        station_ids: Collection[str] = (),
        kinds: Collection[str] = (),
        limit: int,
    ) -> Sequence[Row[int, bytes]]:
        """Return id and payload of events of a tenant, in order.

        Args:
            tenant_id: Whose they are.
            after: Only with a higher id.
            through: Only with this id or a lower one; not above a horizon.
            station_ids: Only of these stations. Empty: of all.
            kinds: Only bodies of these names. Empty: all.
            limit: At most this many.
        """
        statement = select(OutboxEvent.id, OutboxEvent.payload).where(
            OutboxEvent.tenant_id == tenant_id, OutboxEvent.id > after, OutboxEvent.id <= through
        )
        if station_ids:
            statement = statement.where(OutboxEvent.station_id.in_(station_ids))
        if kinds:
            statement = statement.where(OutboxEvent.kind.in_(kinds))
        connection = await self._session.connection()
        return (await connection.execute(statement.order_by(OutboxEvent.id).limit(limit))).all()

    async def read(self, *, after: int, through: int, kinds: Collection[str], most: int, limit: int) -> "Part":
        """Read the next events of all tenants, in order.

        Args:
            after: Only with a higher id.
            through: Only with this id or a lower one; not above a horizon.
            kinds: Only bodies of these names. The database passes over the others, which cost little.
            most: At most this many are passed over and read.
            limit: At most this many are read.
        """
        connection = await self._session.connection()
        ids = select(OutboxEvent.id).where(OutboxEvent.id > after, OutboxEvent.id <= through)
        next_ids = ids.order_by(OutboxEvent.id).limit(most).subquery()
        last, count = (await connection.execute(select(func.max(next_ids.c.id), func.count()))).one()
        if last is None:
            return Part(after, (), is_all=True)
        statement = select(OutboxEvent.id, OutboxEvent.payload).where(
            OutboxEvent.id > after, OutboxEvent.id <= last, OutboxEvent.kind.in_(kinds)
        )
        rows = (await connection.execute(statement.order_by(OutboxEvent.id).limit(limit))).all()
        is_whole = len(rows) < limit
        return Part(last if is_whole else rows[-1][0], rows, is_all=is_whole and count < most)

    async def newest(
        self,
        tenant_id: str,
        *,
        through: int,
        station_ids: Collection[str] = (),
        kinds: Collection[str] = (),
        most: int,
        limit: int,
    ) -> "Part":
        """Read events of a tenant, the newest first.

        Args:
            tenant_id: Whose they are.
            through: Only with this id or a lower one.
            station_ids: Only of these stations. Empty: of all.
            kinds: Only bodies of these names. Empty: all.
            most: At most this many are passed over and read.
            limit: At most this many are read.
        """
        connection = await self._session.connection()
        of_tenant = (OutboxEvent.tenant_id == tenant_id, OutboxEvent.id <= through)
        statement = select(OutboxEvent.id, OutboxEvent.payload).where(*of_tenant)
        first, count = 0, 0
        if station_ids or kinds:
            newest = select(OutboxEvent.id).where(*of_tenant).order_by(OutboxEvent.id.desc()).limit(most).subquery()
            query = select(func.coalesce(func.min(newest.c.id), 0), func.count())
            first, count = (await connection.execute(query)).one()
            statement = statement.where(OutboxEvent.id >= first)
        if station_ids:
            statement = statement.where(OutboxEvent.station_id.in_(station_ids))
        if kinds:
            statement = statement.where(OutboxEvent.kind.in_(kinds))
        rows = (await connection.execute(statement.order_by(OutboxEvent.id.desc()).limit(limit))).all()
        is_whole = len(rows) < limit
        return Part(first if is_whole else rows[-1][0], rows, is_all=is_whole and count < most)

    @staticmethod
    def time_after(event_id: ScalarSelect[int]) -> Due:
        """Return the query of when the first event after one was stored."""
        query = select(OutboxEvent.create_time).where(OutboxEvent.id > event_id)
        return query.order_by(OutboxEvent.id).limit(1)

    async def horizon(self) -> Horizon:
        """Return the horizon. Events must be read by a later statement, with isolation level READ COMMITTED."""
        connection = await self._session.connection()
        through, given = await database_of(connection).outbox_order.horizon(connection)
        return Horizon(through, is_behind=through < given)

    async def head(self) -> int:
        """Return the id of the latest event that readers may see, retained or not; 0 where there never was one."""
        horizon = await self.horizon()
        latest = await self._session.scalar(select(func.max(OutboxEvent.id)).where(OutboxEvent.id <= horizon.through))
        return max(latest or 0, await self.pruned_through())

    async def is_given(self, event_id: int) -> bool:
        """Return whether there is or was an event with this id or a higher one."""
        latest = await self._session.scalar(select(func.max(OutboxEvent.id)))
        return event_id <= max(latest or 0, await self.pruned_through())

    async def heads_after(self, after: int, horizon: Horizon) -> Mapping[str, int]:
        """Return the id of the latest event of each tenant that has one with a higher id."""
        statement = select(OutboxEvent.tenant_id, func.max(OutboxEvent.id)).where(
            OutboxEvent.id > after, OutboxEvent.id <= horizon.through
        )
        connection = await self._session.connection()
        rows = (await connection.execute(statement.group_by(OutboxEvent.tenant_id))).all()
        return {row[0]: row[1] for row in rows}

    async def pruned_through(self) -> int:
        """Return the highest id that was removed; 0 where nothing was."""
        return await self._session.scalar(select(OutboxState.pruned_through)) or 0

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Delete the oldest events that were stored before a time; return False if there were none.

        In the order of ids: events with lower ids are deleted as well, whatever the clock of their core was. Where the
        outbox is partitioned, the oldest day is dropped, once its last event was stored before the time.

        Args:
            time: Later events are retained.
            limit: At most this many, except with a partition.
        """
        if database_of(self._session).has_partitions:
            return await self._drop_oldest_day(time)
        horizon = await self.horizon()
        oldest = select(OutboxEvent.id, OutboxEvent.create_time).where(OutboxEvent.id <= horizon.through)
        first = oldest.order_by(OutboxEvent.id).limit(limit).subquery()
        last = await self._session.scalar(select(func.max(first.c.id)).where(first.c.create_time < time))
        if last is None:
            return False
        await self._session.execute(delete(OutboxEvent).where(OutboxEvent.id <= last))
        await _PUT_PRUNED.execute(self._session, [(_STATE_ID, last)])
        return True

    async def _drop_oldest_day(self, time: datetime) -> bool:
        name = await find_old_partition(self._session, _OUTBOX.name, time)
        if name is None:
            return False
        last = await self._session.scalar(text(f"SELECT max(id) FROM {name}"))
        if last is not None:
            await _PUT_PRUNED.execute(self._session, [(_STATE_ID, last)])
        await drop_partition(self._session, name)
        return True


def _to_rows(events: Sequence[Event], time: datetime) -> list[tuple[str, str, str, bytes, datetime]]:
    rows: list[tuple[str, str, str, bytes, datetime]] = []
    for event in events:
        event.ClearField("token")
        set_time(event.time, time)
        kind = event.WhichOneof("body") or ""
        rows.append((event.tenant_id, event.station_id, kind, event.SerializeToString(), time))
    return rows
