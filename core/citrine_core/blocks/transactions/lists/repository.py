"""Queries of the lists of transactions."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.transactions.checks.models import TransactionCheck
from citrine_core.blocks.transactions.models import Transaction, TransactionEvent
from citrine_core.blocks.transactions.stored_events import within_months
from citrine_core.db import ANY_TIME, Listed, Page, Span, begins_with, one_of
from citrine_core.resources.stations.lists import LookedStations, station_ids_looked_for
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.tokens import lookups_of
from citrine_core.resources.tokens.queries import lookups_of_group

__all__ = ["Looked", "TransactionLists"]

_TRANSACTIONS = Transaction.metadata.tables["transactions"]
_CHECKS = TransactionCheck.metadata.tables["transaction_checks"]
_EVENTS = TransactionEvent.metadata.tables["transaction_events"]

MOST_CHOSEN = 1000
"""Stations of which each is asked for its latest transactions."""

_HAS_REFERENCE = text("transactions.reference IS NOT NULL")
"""The condition of an index."""

_KEY = ("tenant_id", "station_id", "transaction_id")

_WITH_CHECKS = select(
    _TRANSACTIONS, *(column.label(f"check_{column.name}") for column in _CHECKS.c if column.name not in _KEY)
).outerjoin(_CHECKS, and_(*(_CHECKS.c[name] == _TRANSACTIONS.c[name] for name in _KEY)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Which transactions somebody looks for. Each field that is set leaves out those to which it does not apply."""

    station_id: str = ""
    stations: StationSelector | None = None
    """None: all of the tenant."""
    evse_id: int | None = None
    active_only: bool = False
    """Only those that have neither ended nor been closed."""
    charging_state: int | None = None
    """citrine.ocpp.v2.ChargingStateEnum of those that are active."""
    unsettled_only: bool = False
    """Only those that are not settled."""
    id_token: str = ""
    group_id: str = ""
    """Group of the token."""
    started: Span = ANY_TIME
    settled: Span = ANY_TIME
    reference: str = ""
    """Of the caller who had it started."""
    prefix: str = ""
    """With what the id begins."""
    transaction_ids: Collection[str] = ()
    """The ids that they may have. Empty: any."""


class TransactionLists:
    """Transactions and events, page by page.

    Each list is read in the order of an index, or is that of few rows: those of a station, of a token or of a group.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, tenant_id: str, transaction_id: str, *, station_id: str = "") -> list[Row[Any]]:
        """Return the transactions of this id with their checks, two at most, of one station or of any."""
        query = _WITH_CHECKS.where(
            _TRANSACTIONS.c.tenant_id == tenant_id, _TRANSACTIONS.c.transaction_id == transaction_id
        )
        if station_id:
            query = query.where(_TRANSACTIONS.c.station_id == station_id)
        return list((await self._session.execute(query.limit(2))).all())

    async def list(self, tenant_id: str, page: Page, looked: Looked) -> Listed[Row[Any]]:
        """Return transactions with their checks, the latest first.

        They are in the order in which they became known; by id if it is to begin with a prefix, else by the time at
        which they were settled or began if that is to be within a time. Those settled first come first, so that who
        follows settlements goes on where they stopped.
        """
        columns = _TRANSACTIONS.c
        query = _filtered(_WITH_CHECKS.where(columns.tenant_id == tenant_id), tenant_id, looked)
        if looked.prefix:
            query = query.where(begins_with(columns.transaction_id, looked.prefix))
            return await page.read_rows(self._session, query, columns.transaction_id, columns.station_id)
        if looked.settled.is_bounded:
            query = query.where(columns.settle_time.is_not(None))
            key = (columns.settle_time, columns.station_id, columns.transaction_id)
            return await page.read_rows(self._session, query, *key)
        if looked.started.is_bounded:
            order = (_start_of(looked), columns.station_id, columns.transaction_id)
            rows = (await self._session.execute(page.within(query, *order, descending=True))).all()
            return page.close(rows, lambda row: (row.start_time, row.station_id, row.transaction_id))
        if looked.reference:
            order = (columns.sequence, columns.station_id, columns.transaction_id)
            return await page.read_rows(self._session, query, *order, descending=True)
        if looked.stations is not None and looked == Looked(stations=looked.stations):
            return await self._list_of_selection(tenant_id, page, looked.stations)
        if looked.id_token or looked.group_id or looked.transaction_ids or looked.stations is not None:
            # SQLite would scan all transactions by an index in this order, to sort the few that are meant no more.
            order = columns.sequence + 0, columns.station_id, columns.transaction_id
            rows = (await self._session.execute(page.within(query, *order, descending=True))).all()
            return page.close(rows, lambda row: (row.sequence, row.station_id, row.transaction_id))
        key = (columns.sequence, columns.station_id, columns.transaction_id)
        return await page.read_rows(self._session, query, *key, descending=True)

    async def _list_of_selection(self, tenant_id: str, page: Page, stations: StationSelector) -> Listed[Row[Any]]:
        """Return transactions of selected stations: by location, group or label they are few, or many of all.

        Of few, the index of each station says from which sequence on it has a page, and none of the page is older
        than the latest of these. Many have a part of the latest transactions of all, which are read until there is a
        page of theirs.
        """
        columns = _TRANSACTIONS.c
        order = columns.sequence + 0, columns.station_id, columns.transaction_id
        query = _WITH_CHECKS.where(columns.tenant_id == tenant_id)
        chosen = station_ids_looked_for(tenant_id, LookedStations(stations=stations))
        few = select(func.count()).select_from(chosen.limit(MOST_CHOSEN + 1).subquery())
        if (await self._session.scalar(few) or 0) > MOST_CHOSEN:
            query = query.where(*stations_selected(tenant_id, columns.station_id, stations, one_by_one=True))
            order = columns.sequence, columns.station_id, columns.transaction_id
        else:
            after = page.key(*order)
            query = query.where(*stations_selected(tenant_id, columns.station_id, stations))
            first = await self._session.scalar(
                _first_of_page(tenant_id, chosen, page.size, None if after is None else after[0])
            )
            # Without it, a station has less than a page.
            query = query.where(columns.sequence >= (first or 0))
        rows = (await self._session.execute(page.within(query, *order, descending=True))).all()
        return page.close(rows, lambda row: (row.sequence, row.station_id, row.transaction_id))

    async def list_events(
        self, tenant_id: str, page: Page, station_id: str, transaction_id: str, *, newest_first: bool = False
    ) -> Listed[Row[Any]]:
        """Return events of a transaction, in its order or from the last one on."""
        columns = _EVENTS.c
        query = select(_EVENTS).where(
            columns.tenant_id == tenant_id,
            columns.station_id == station_id,
            columns.transaction_id == transaction_id,
            await within_months(self._session, tenant_id, [(station_id, transaction_id)]),
        )
        key = (columns.seq_no, columns.event_time, columns.digest)
        return await page.read_rows(self._session, query, *key, descending=newest_first)


def _first_of_page(tenant_id: str, chosen: Select[str], size: int, before: int | None) -> Select[Any]:
    """Return the query of the sequence from which on one of the chosen stations alone has a page and one more."""
    of_station, own = chosen.subquery("chosen"), _TRANSACTIONS.alias("own")
    behind = [] if before is None else [own.c.sequence < before]
    first = (
        select(own.c.sequence)
        .where(own.c.tenant_id == tenant_id, own.c.station_id == of_station.c.station_id, *behind)
        .order_by(own.c.sequence.desc())
        .offset(size)
        .limit(1)
        .scalar_subquery()
    )
    return select(func.max(first)).select_from(of_station)


def _start_of(looked: Looked) -> ColumnElement[Any]:
    """Return when a transaction began that did within some time, which is not NULL."""
    start = _TRANSACTIONS.c.start_time
    # SQLite is to read the few that are meant, and not those of all stations by an index of this column.
    return func.coalesce(start, start) if looked.station_id or looked.transaction_ids else start


def _filtered(query: Select[Any], tenant_id: str, looked: Looked) -> Select[Any]:
    columns = _TRANSACTIONS.c
    query = query.where(*looked.started.of(_start_of(looked)), *looked.settled.of(columns.settle_time))
    if looked.reference:
        query = query.where(columns.reference == looked.reference, _HAS_REFERENCE)
    if looked.transaction_ids:
        query = query.where(one_of(columns.transaction_id, {*looked.transaction_ids}))
    if looked.station_id:
        query = query.where(columns.station_id == looked.station_id)
    if looked.stations is not None:
        query = query.where(*stations_selected(tenant_id, columns.station_id, looked.stations))
    if looked.evse_id is not None:
        query = query.where(columns.evse_id == looked.evse_id)
    if looked.active_only or looked.charging_state is not None:
        query = query.where(Transaction.is_open())
    if looked.charging_state is not None:
        query = query.where(columns.charging_state == looked.charging_state)
    if looked.unsettled_only:
        query = query.where(columns.settle_time.is_(None))
    if looked.id_token:
        query = query.where(columns.id_token_lookup.in_(lookups_of(looked.id_token)))
    if looked.group_id:
        query = query.where(columns.id_token_lookup.in_(lookups_of_group(tenant_id, looked.group_id)))
    return query
