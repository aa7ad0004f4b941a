"""Queries of due settlements, of events that are no longer retained, and of operators' actions."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Row,
    Table,
    and_,
    bindparam,
    delete,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.transactions.fold import TransactionState
from citrine_core.blocks.transactions.models import Transaction, TransactionEvent
from citrine_core.blocks.transactions.settlement.models import SettlementAction
from citrine_core.db import ANY_TIME, Due, Listed, LockedQuery, Page, Span, database_of
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.one_of import one_of, one_of_packed, pack
from citrine_core.db.partitions import exclude_writers, month_of, months_without_partition

__all__ = ["EVSEProof", "SettlementRepository"]

_TRANSACTIONS = Transaction.metadata.tables["transactions"]
_EVENTS = TransactionEvent.metadata.tables["transaction_events"]
_ACTIONS = SettlementAction.metadata.tables["settlement_actions"]

_ADD_ACTION = BulkInsert(_ACTIONS)

_KEY = (_TRANSACTIONS.c.tenant_id, _TRANSACTIONS.c.station_id, _TRANSACTIONS.c.transaction_id)


MOST_TRANSACTIONS = 200
"""Largest number of transactions whose events are removed in one transaction of the database."""

_LAST = 2**62

_OF_MONTH = text("events_month > 0")
"""The condition of an index."""

_FIND_OVER = LockedQuery(
    select(
        _TRANSACTIONS.c.station_id,
        _TRANSACTIONS.c.transaction_id,
        _TRANSACTIONS.c.evse_id,
        _TRANSACTIONS.c.connector_id,
        _TRANSACTIONS.c.last_event_time,
        _TRANSACTIONS.c.charging_state,
    ).where(
        _TRANSACTIONS.c.tenant_id == bindparam("tenant_id"),
        one_of_packed((_TRANSACTIONS.c.station_id, _TRANSACTIONS.c.evse_id), "keys"),
        _TRANSACTIONS.c.sequence < bindparam("before"),
        Transaction.is_open(),
        _TRANSACTIONS.c.over_time.is_(None),
    ),
    _TRANSACTIONS.c.station_id,
    _TRANSACTIONS.c.transaction_id,
)


def _by_tenant(keys: Iterable[Any]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each tenant with station and id of its transactions."""
    for tenant_id, found in groupby(sorted(keys), key=itemgetter(0)):
        yield tenant_id, [(one[1], one[2]) for one in found]


def _are(table: Table, tenant_id: str, ids: Collection[tuple[str, str]]) -> tuple[ColumnElement[bool], ...]:
    columns = table.c
    return columns.tenant_id == tenant_id, one_of((columns.station_id, columns.transaction_id), ids)


def _is_due(now: datetime) -> ColumnElement[bool]:
    # A transaction that is due for a refold is settled after it.
    return and_(_TRANSACTIONS.c.settle_due_time <= now, _TRANSACTIONS.c.refold_due_time.is_(None))


class EVSEProof(NamedTuple):
    """A proof that transactions at an EVSE are over."""

    station_id: str
    evse_id: int
    connector_id: int
    """The available connector. 0: any connector of the EVSE."""
    time: datetime
    """Its time, by the clock of the station. Transactions with later events continue."""
    transaction_id: str = ""
    """The transaction that began there. Empty: the connector is available."""


class SettlementRepository:
    """Due settlements, and operators' actions on them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_open(self, tenant_id: str, station_id: str, transaction_id: str = "") -> Sequence[tuple[str, str]]:
        """Return station and id of the open transactions of a station, or of a given one."""
        columns = _TRANSACTIONS.c
        query = select(columns.station_id, columns.transaction_id).where(
            columns.tenant_id == tenant_id, columns.station_id == station_id, Transaction.is_open()
        )
        if transaction_id:
            query = query.where(columns.transaction_id == transaction_id)
        return [(row[0], row[1]) for row in await self._session.execute(query)]

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which a transaction is next to be settled."""
        return select(func.min(_TRANSACTIONS.c.settle_due_time)).where(_TRANSACTIONS.c.settle_due_time.is_not(None))

    async def settle_all(self, tenant_id: str, now: datetime) -> None:
        """Have all transactions of a tenant settled that are not yet: nothing more will be heard of them."""
        columns = _TRANSACTIONS.c
        unsettled = columns.tenant_id == tenant_id, columns.settle_time.is_(None)
        await self._session.execute(update(_TRANSACTIONS).where(*unsettled).values(settle_due_time=now))

    async def has_unsettled(self, tenant_id: str) -> bool:
        """Return whether a transaction of a tenant is not settled."""
        columns = _TRANSACTIONS.c
        unsettled = columns.tenant_id == tenant_id, columns.settle_time.is_(None)
        return (await self._session.execute(select(columns.tenant_id).where(*unsettled).limit(1))).first() is not None

    async def find_due(self, now: datetime, limit: int, passed: int = 0) -> Sequence[tuple[str, str, str]]:
        """Return tenant, station and id of transactions that are due to be settled, the earliest due first.

        Args:
            now: The time now.
            limit: At most this many.
            passed: How many of the earliest are left out.
        """
        query = select(*_KEY).where(_is_due(now)).order_by(_TRANSACTIONS.c.settle_due_time).limit(limit).offset(passed)
        return [(row[0], row[1], row[2]) for row in await self._session.execute(query)]

    async def claim_due(
        self, now: datetime, keys: Collection[tuple[str, str, str]]
    ) -> dict[str, list[tuple[str, str]]]:
        """Claim those of the transactions that are still due; return station and id of each, by tenant."""
        query = select(*_KEY).where(_is_due(now), one_of(_KEY, keys)).with_for_update(skip_locked=True)
        found: dict[str, list[tuple[str, str]]] = {}
        for tenant_id, station_id, transaction_id in await self._session.execute(query):
            found.setdefault(tenant_id, []).append((station_id, transaction_id))
        return found

    async def postpone(self, key: tuple[str, str, str], now: datetime, until: datetime) -> None:
        """Have a transaction be due to be settled later, if it is due."""
        same = [column == value for column, value in zip(_KEY, key, strict=True)]
        await self._session.execute(update(_TRANSACTIONS).where(*same, _is_due(now)).values(settle_due_time=until))

    async def find_over(
        self, tenant_id: str, places: Collection[tuple[str, int]], before: int = _LAST
    ) -> Sequence[Row[Any]]:
        """Return the open transactions, locked, that may be over because of events at their EVSEs.

        Args:
            tenant_id: Tenant of the stations.
            places: Stations and EVSEs.
            before: Only those with a lower sequence, which are older.
        """
        connection = await self._session.connection()
        query = _FIND_OVER.on(database_of(connection))
        parameters = {"tenant_id": tenant_id, "keys": pack(places), "before": before}
        rows: Sequence[Row[Any]] = (await connection.execute(query, parameters)).all()
        return rows

    async def mark_over(
        self, tenant_id: str, keys: Collection[tuple[str, str]], now: datetime, due_time: datetime
    ) -> Sequence[Row[Any]]:
        """Mark open transactions as over, to be settled at a time, and return all their columns."""
        columns = _TRANSACTIONS.c
        rows = await self._session.execute(
            update(_TRANSACTIONS)
            .where(columns.tenant_id == tenant_id, one_of((columns.station_id, columns.transaction_id), keys))
            .values(over_time=now, settle_due_time=due_time)
            .returning(*columns)
        )
        return rows.all()

    async def fold_late_events(self, state: TransactionState) -> None:
        """Make the late events of a transaction ordinary ones."""
        columns = _EVENTS.c
        await self._session.execute(
            update(_EVENTS)
            .where(
                columns.tenant_id == state.tenant_id,
                columns.station_id == state.station_id,
                columns.transaction_id == state.transaction_id,
                columns.events_month.in_(sorted({0, state.events_month})),
                columns.late.is_(True),
            )
            .values(late=None)
        )

    async def remove_events_before(self, time: datetime, now: datetime, limit: int) -> bool:
        """Remove the events of transactions that were settled before a time; return False if there were none.

        All events of a transaction are removed together, and the transaction is marked, whose row is locked meanwhile.
        A transaction that is not settled, or is to be refolded, retains its events. Where events are in the partition
        of a month, the transaction only stops to name it, and they go with the month (`find_old_partition`).

        Args:
            time: Transactions that were settled later retain their events.
            now: The time now.
            limit: Largest number of events removed at a time, except for one transaction that has more.
        """
        keys = await self._find_settled_before(time, limit)
        months = {month for *_, month in keys if month}
        rows_of = [0, *sorted(await months_without_partition(self._session, _EVENTS.name, months))]
        for tenant_id, ids in _by_tenant(keys):
            removed = delete(_EVENTS).where(*_are(_EVENTS, tenant_id, ids), _EVENTS.c.events_month.in_(rows_of))
            await self._session.execute(removed)
            marked = update(_TRANSACTIONS).where(*_are(_TRANSACTIONS, tenant_id, ids))
            await self._session.execute(marked.values(events_removed_time=now, events_month=0))
        return bool(keys)

    async def move_events_before(self, time: datetime, limit: int) -> bool:
        """Move events of transactions out of the months before that of a time; return False if there were none.

        So that a month can be dropped, although some of its transactions still wait. A transaction names its month
        until the last of its events is moved.

        Args:
            time: What began in its month, or later, stays.
            limit: Largest number of events moved at a time, while nobody else writes any.

        Raises:
            DatabaseUnavailable: When the table is not free for the moment.
        """
        columns = _TRANSACTIONS.c
        query = (
            select(columns.tenant_id, columns.station_id, columns.transaction_id, columns.events_month)
            .where(columns.events_month > 0, columns.events_month < month_of(time), _OF_MONTH)
            .order_by(columns.events_month)
            .limit(MOST_TRANSACTIONS)
        )
        keys = (await self._session.execute(database_of(self._session).claim(query))).all()
        if not keys:
            return False
        # In the order in which messages are handled: transactions first.
        await exclude_writers(self._session, _EVENTS.name)
        months = sorted({month for *_, month in keys})
        for tenant_id, ids in _by_tenant(keys):
            limit -= await self._move_events(tenant_id, ids, months, limit)
            if limit <= 0:
                # There may be more.
                break
            named = update(_TRANSACTIONS).where(*_are(_TRANSACTIONS, tenant_id, ids))
            await self._session.execute(named.values(events_month=0))
        return True

    async def _move_events(
        self, tenant_id: str, ids: Collection[tuple[str, str]], months: Collection[int], limit: int
    ) -> int:
        """Move events of transactions out of months, and return how many these were."""
        within = (*_are(_EVENTS, tenant_id, ids), _EVENTS.c.events_month.in_(months))
        key = _EVENTS.primary_key.columns
        some = select(*key).where(*within).limit(limit)
        moved = update(_EVENTS).where(*within, tuple_(*key).in_(some)).values(events_month=0)
        result = cast("CursorResult[Any]", await self._session.execute(moved))
        return result.rowcount

    async def find_settled_of(self, tenant_id: str, before: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """Return station and id of transactions of a tenant that were settled before a time, the earliest first."""
        columns = _TRANSACTIONS.c
        query = (
            select(columns.station_id, columns.transaction_id)
            .where(columns.tenant_id == tenant_id, columns.settle_time < before)
            .order_by(columns.settle_time)
            .limit(limit)
        )
        return [(row[0], row[1]) for row in await self._session.execute(database_of(self._session).claim(query))]

    async def _find_settled_before(self, time: datetime, limit: int) -> list[tuple[str, str, str, int]]:
        columns = _TRANSACTIONS.c
        key = (columns.tenant_id, columns.station_id, columns.transaction_id)
        query = (
            select(*key, columns.events_month, columns.events)
            .where(columns.settle_time < time, columns.events_removed_time.is_(None), columns.refold_due_time.is_(None))
            .order_by(columns.settle_time)
            .limit(MOST_TRANSACTIONS)
        )
        query = database_of(self._session).claim(query)
        keys: list[tuple[str, str, str, int]] = []
        for tenant_id, station_id, transaction_id, month, events in await self._session.execute(query):
            # Those of a month are not removed one by one.
            limit -= 0 if month else events
            if keys and limit < 0:
                break
            keys.append((tenant_id, station_id, transaction_id, month))
        return keys

    async def add_action(self, action: Mapping[str, Any]) -> None:
        """Store an operator's action."""
        await _ADD_ACTION.execute_mappings(self._session, [action])

    async def list_actions(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        transaction_id: str = "",
        kind: int = 0,
        author: str = "",
        times: Span = ANY_TIME,
    ) -> Listed[Row[Any]]:
        """Return operators' actions, the latest first; a filter that is empty or 0 matches all."""
        columns = _ACTIONS.c
        query = select(_ACTIONS).where(columns.tenant_id == tenant_id, *times.of(columns.create_time))
        for name, value in (
            ("station_id", station_id),
            ("transaction_id", transaction_id),
            ("kind", kind),
            ("author", author),
        ):
            if value:
                query = query.where(columns[name] == value)
        key = (columns.create_time, columns.id) if times.is_bounded else (columns.id,)
        return await page.read_rows(self._session, query, *key, descending=True)
