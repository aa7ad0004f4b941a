"""Queries of the transactions."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, and_, bindparam, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.transactions_pb2 import (
    TransactionEventEnum,
    TransactionEventRequest,
    TransactionEventResponse,
)
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.blocks.transactions.models import Transaction, TransactionEvent
from citrine_core.blocks.transactions.settled_states import due_records
from citrine_core.db import LockedQuery, database_of, one_of
from citrine_core.db.bulk import BulkInsert, BulkUpdate
from citrine_core.db.direct_query import DirectQuery
from citrine_core.db.one_of import one_of_packed, pack
from citrine_core.resources.charge_records import add_due

__all__ = ["FIND_AND_LOCK", "EventKey", "EventRow", "TransactionKey", "TransactionRepository"]

_TRANSACTIONS = Transaction.metadata.tables["transactions"]
_EVENTS = TransactionEvent.metadata.tables["transaction_events"]

_KEY = ("tenant_id", "station_id", "transaction_id")

_PROGRESS = (
    "charging_state",
    "power_w",
    "soc_percent",
    "energy_wh",
    "meter_last_wh",
    "meter_last_time",
    "events",
    "seq_nos",
    "last_seq_no",
    "last_event_time",
    "last_event_type",
    "last_digest",
    "last_sample_time",
    "time_spent_charging",
    "update_time",
)
"""Columns that an ordinary event changes. No index has any of them."""

_ALL = tuple(entry.name for entry in fields(TransactionState))

_SELDOM = tuple(name for name in _ALL if name not in (*_KEY, *_PROGRESS, "sequence"))

_SETTLE_TIME, _REFOLD_DUE_TIME = _ALL.index("settle_time"), _ALL.index("refold_due_time")
_seldom = attrgetter(*_SELDOM)
_seldom_of_row = itemgetter(*map(_ALL.index, _SELDOM))

_FIND = select(*(_TRANSACTIONS.c[name] for name in _ALL)).where(
    _TRANSACTIONS.c.tenant_id == bindparam("tenant_id"),
    one_of_packed((_TRANSACTIONS.c.station_id, _TRANSACTIONS.c.transaction_id), "keys"),
)

FIND_AND_LOCK = LockedQuery(_FIND, _TRANSACTIONS.c.station_id, _TRANSACTIONS.c.transaction_id)
"""Finds transactions of a tenant and locks them, with the columns of TransactionState."""

_FIND_STATES = DirectQuery(_FIND)
_FIND_AND_LOCK = DirectQuery(FIND_AND_LOCK.on)


@cache
def _find_responses(months: int) -> DirectQuery:
    """Return the query of the answers to events, in so many months."""
    columns = (_EVENTS.c.station_id, _EVENTS.c.transaction_id, _EVENTS.c.seq_no, _EVENTS.c.digest)
    return DirectQuery(select(*columns, _EVENTS.c.response).where(_one_of_events(columns, months)))


@cache
def _find_numbers(months: int) -> DirectQuery:
    """Return the query of which sequence numbers are stored, in so many months."""
    columns = (_EVENTS.c.station_id, _EVENTS.c.transaction_id, _EVENTS.c.seq_no)
    return DirectQuery(select(*columns).where(_one_of_events(columns, months)).distinct())


def _one_of_events(columns: Sequence[ColumnElement[Any]], months: int) -> ColumnElement[bool]:
    month = _EVENTS.c.events_month
    named = [bindparam(f"month_{number}", type_=month.type) for number in range(months)]
    return and_(_EVENTS.c.tenant_id == bindparam("tenant_id"), one_of_packed(columns, "keys"), month.in_(named))


_moved = attrgetter(*_PROGRESS, *_KEY)
_changed = attrgetter(*_PROGRESS, *_SELDOM, *_KEY)
_all = attrgetter(*_ALL)

_INSERT = BulkInsert(_TRANSACTIONS, _ALL)
_UPDATE_PROGRESS = BulkUpdate(_TRANSACTIONS, _PROGRESS, _KEY)
_UPDATE_ALL = BulkUpdate(_TRANSACTIONS, (*_PROGRESS, *_SELDOM), _KEY)

TransactionKey = tuple[str, str]
"""Station and transaction."""

EventKey = tuple[str, str, int, int]
"""Station, transaction, seqNo and digest."""


class EventRow(NamedTuple):
    """A row of `transaction_events`."""

    tenant_id: str
    station_id: str
    transaction_id: str
    seq_no: int
    digest: int
    event_type: int
    event_time: datetime
    offline: bool | None
    request: bytes
    response: bytes
    receive_time: datetime
    late: bool | None
    events_month: int


_ADD_EVENTS = BulkInsert(_EVENTS, EventRow._fields)

_OF_OCCURRENCES = [
    _EVENTS.c[name]
    for name in (
        *("station_id", "transaction_id", "seq_no", "digest", "event_type", "event_time"),
        *("request", "offline", "response", "receive_time", "late"),
    )
]

PAGE = 100
"""Events that are read at a time where there may be many."""


def _of(states: Collection[TransactionState]) -> ColumnElement[bool]:
    """Return the condition that an event is in a partition in which those of some transactions may be.

    It leaves out no event of them, and spares PostgreSQL to look into the partitions of all months.
    """
    return _EVENTS.c.events_month.in_(_months(states))


def _months(states: Collection[TransactionState]) -> list[int]:
    return sorted({0, *(state.events_month for state in states)})


def _named_months(months: Sequence[int]) -> dict[str, int]:
    """Return months as the values of `_one_of_events`."""
    return {f"month_{number}": month for number, month in enumerate(months)}


def _keys(states: Collection[TransactionState]) -> list[TransactionKey]:
    return [(state.station_id, state.transaction_id) for state in states]


def _occurrence(tenant_id: str, row: Row[Any]) -> Occurrence:
    info = TransactionEventResponse.FromString(row.response or b"").id_token_info
    return Occurrence(
        tenant_id,
        row.station_id,
        row.transaction_id,
        row.seq_no,
        row.event_type,
        row.event_time,
        row.digest,
        row.request,
        row.offline,
        TransactionEventRequest.FromString(row.request),
        info.status or None,
        info.group_id_token.id_token or None,
        receive_time=row.receive_time,
        late=bool(row.late),
    )


class TransactionRepository:
    """Transactions and their events."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._found: dict[TransactionKey, Sequence[Any]] = {}
        """Rows of the transactions that were read for update, with the columns of TransactionState."""

    async def find_for_update(
        self, tenant_id: str, keys: Collection[TransactionKey], rows: Iterable[Sequence[Any]] | None = None
    ) -> dict[TransactionKey, TransactionState]:
        """Return those transactions that exist, locked until the commit.

        Args:
            tenant_id: Tenant of the stations.
            keys: The transactions.
            rows: Result of FIND_AND_LOCK in this transaction, for these keys among others. None: it was not executed.

        Without the lock, two cores that receive messages of one transaction, while its station moves from one
        to the other, could each write a state that lacks the other's event.
        """
        if rows is None:
            rows = await _FIND_AND_LOCK.fetch(self._session, {"tenant_id": tenant_id, "keys": pack(keys)})
        found = {key: row for row in rows if (key := (row[1], row[2])) in keys}
        self._found |= found
        return {key: TransactionState(*row) for key, row in found.items()}

    async def find_states(
        self, tenant_id: str, keys: Collection[TransactionKey]
    ) -> dict[TransactionKey, TransactionState]:
        """Return those transactions that exist, without a lock."""
        rows = await _FIND_STATES.fetch(self._session, {"tenant_id": tenant_id, "keys": pack(keys)})
        return {(row[1], row[2]): TransactionState(*row) for row in rows}

    async def find_lives(
        self, tenant_id: str, keys: Collection[TransactionKey]
    ) -> dict[TransactionKey, list[TransactionState]]:
        """Return the later transactions with these ids of stations, in order, locked as well.

        The first one of each id must be locked before.
        """
        connection = await self._session.connection()
        columns = _TRANSACTIONS.c
        query = select(*(columns[name] for name in _ALL)).where(
            columns.tenant_id == tenant_id,
            columns.reported_id.is_not(None),
            one_of((columns.station_id, columns.reported_id), keys),
        )
        query = database_of(connection).lock(query, columns.station_id, columns.transaction_id)
        found: dict[TransactionKey, list[TransactionState]] = {key: [] for key in keys}
        states = []
        for row in await connection.execute(query):
            states.append(TransactionState(*row))
            self._found[row[1], row[2]] = row
        for state in sorted(states, key=lambda state: state.sequence):
            found[state.station_id, state.reported_id or ""].append(state)
        return found

    async def find_reported_ids(
        self, tenant_id: str, station_id: str, transaction_ids: Collection[str]
    ) -> dict[str, str]:
        """Return a station's ids of those of its transactions that have an id of ours."""
        columns = _TRANSACTIONS.c
        rows = await self._session.execute(
            select(columns.transaction_id, columns.reported_id).where(
                columns.tenant_id == tenant_id,
                columns.station_id == station_id,
                one_of(columns.transaction_id, transaction_ids),
                columns.reported_id.is_not(None),
            )
        )
        return {row[0]: row[1] for row in rows}

    async def find_responses(
        self, tenant_id: str, keys: Collection[EventKey], states: Collection[TransactionState]
    ) -> dict[EventKey, bytes]:
        """Return the answers to those events, of some transactions, that are already stored."""
        if not keys:
            return {}
        months = _months(states)
        values = {"tenant_id": tenant_id, "keys": pack(keys), **_named_months(months)}
        rows = await _find_responses(len(months)).fetch(self._session, values)
        return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}

    async def load_events(
        self, tenant_id: str, states: Collection[TransactionState], *, with_late: bool = False
    ) -> dict[TransactionKey, list[Occurrence]]:
        """Return all stored events of transactions, for a refold.

        Args:
            tenant_id: Tenant of the stations.
            states: The transactions.
            with_late: Whether to include late events.
        """
        keys = _keys(states)
        found: dict[TransactionKey, list[Occurrence]] = {key: [] for key in keys}
        if not keys:
            return found
        table = _EVENTS.c
        query = select(*_OF_OCCURRENCES).where(
            table.tenant_id == tenant_id, one_of((table.station_id, table.transaction_id), keys), _of(states)
        )
        for row in await self._session.execute(query if with_late else query.where(table.late.is_(None))):
            found[row[0], row[1]].append(_occurrence(tenant_id, row))
        return found

    async def load_pages(
        self, tenant_id: str, state: TransactionState, *, with_late: bool = False
    ) -> AsyncIterator[Sequence[Occurrence]]:
        """Yield all stored events of one transaction in small pages, so that other tasks run in between."""
        table, place = _EVENTS.c, (-1, 0)
        while True:
            query = select(*_OF_OCCURRENCES).where(
                table.tenant_id == tenant_id,
                table.station_id == state.station_id,
                table.transaction_id == state.transaction_id,
                _of([state]),
                tuple_(table.seq_no, table.digest) > tuple_(*place),
            )
            if not with_late:
                query = query.where(table.late.is_(None))
            rows = (await self._session.execute(query.order_by(table.seq_no, table.digest).limit(PAGE))).all()
            if rows:
                yield [_occurrence(tenant_id, row) for row in rows]
            if len(rows) < PAGE:
                return
            place = (rows[-1].seq_no, rows[-1].digest)

    async def load_starts(
        self, tenant_id: str, states: Collection[TransactionState], times: Collection[datetime]
    ) -> dict[TransactionKey, list[Occurrence]]:
        """Return the stored events of type Started with one of some times, late ones included."""
        keys = _keys(states)
        found: dict[TransactionKey, list[Occurrence]] = {key: [] for key in keys}
        table = _EVENTS.c
        query = select(*_OF_OCCURRENCES).where(
            table.tenant_id == tenant_id,
            one_of((table.station_id, table.transaction_id), keys),
            _of(states),
            table.event_type == int(TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED),
            table.event_time.in_(sorted(times)),
        )
        for row in await self._session.execute(query):
            found[row[0], row[1]].append(_occurrence(tenant_id, row))
        return found

    async def find_numbers(
        self, tenant_id: str, numbers: Collection[tuple[str, str, int]], states: Collection[TransactionState]
    ) -> set[tuple[str, str, int]]:
        """Return those of the stations, transactions and sequence numbers, of some transactions, that are stored."""
        if not numbers:
            return set()
        months = _months(states)
        values = {"tenant_id": tenant_id, "keys": pack(numbers), **_named_months(months)}
        rows = await _find_numbers(len(months)).fetch(self._session, values)
        return {(row[0], row[1], row[2]) for row in rows}

    async def add_events(self, rows: Sequence[EventRow]) -> None:
        """Store new events."""
        await _ADD_EVENTS.execute(self._session, rows)

    async def save(self, states: Iterable[TransactionState]) -> None:
        """Write transactions: update those of `find_for_update`, and insert others. Records of settled ones are due."""
        new, moved, changed = [], [], []
        for state in states:
            row = self._found.get((state.station_id, state.transaction_id))
            if row is None:
                new.append(state)
            elif _seldom_of_row(row) == _seldom(state):
                moved.append(state)
            else:
                changed.append(state)
        # Not an upsert: if another core was first, this fails, and the next try reads what that core stored.
        await _INSERT.execute(self._session, [_all(state) for state in new])
        await _UPDATE_PROGRESS.execute(self._session, [_moved(state) for state in moved])
        await _UPDATE_ALL.execute(self._session, [_changed(state) for state in changed])
        await add_due(self._session, due_records([*new, *changed], self._found, _SETTLE_TIME, _REFOLD_DUE_TIME))

    async def mark_open_as_orphaned(self, tenant_id: str, station_ids: Collection[str], boot_time: datetime) -> None:
        """Mark open transactions as orphaned that had no event since their station booted.

        A station that resumes one, or still has queued messages of it, sends an event, which removes the mark
        (field experience: some never send Ended after a reboot).

        Args:
            tenant_id: Tenant of the stations.
            station_ids: The stations that booted.
            boot_time: When their BootNotifications were accepted, by the clock of the core.
        """
        if not station_ids:
            return
        key = (_TRANSACTIONS.c.station_id, _TRANSACTIONS.c.transaction_id)
        is_open = (
            _TRANSACTIONS.c.tenant_id == tenant_id,
            one_of(_TRANSACTIONS.c.station_id, station_ids),
            _TRANSACTIONS.c.end_time.is_(None),
            _TRANSACTIONS.c.closed_time.is_(None),
            _TRANSACTIONS.c.orphaned.is_(False),
            _TRANSACTIONS.c.update_time < boot_time,
        )
        database = database_of(self._session)
        if not database.has_one_writer:
            # Locked in the order of find_for_update, so that the two can't deadlock.
            await self._session.execute(database.lock(select(*key).where(*is_open), *key))
        await self._session.execute(update(_TRANSACTIONS).where(*is_open).values(orphaned=True, update_time=boot_time))
