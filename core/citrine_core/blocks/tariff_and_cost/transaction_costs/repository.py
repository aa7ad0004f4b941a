"""Queries of what transactions cost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, not_, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.provisioning.queries import find_available
from citrine_core.blocks.reservation.queries import find_times
from citrine_core.blocks.tariff_and_cost.corrections.models import CostCorrection
from citrine_core.blocks.tariff_and_cost.models import CostSettings, TariffAssignment, TransactionCost
from citrine_core.blocks.tariff_and_cost.repository import VersionKey
from citrine_core.blocks.transactions.lists.queries import keys_of
from citrine_core.blocks.transactions.queries import store_total_cost
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span
from citrine_core.db.bulk import BulkInsert, BulkUpdate, BulkUpsert
from citrine_core.db.direct_query import DirectQuery
from citrine_core.db.one_of import one_of, one_of_packed, pack
from citrine_core.resources.connections.queries import connected_stations
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["CostRepository", "CostRow", "DueCost", "TenantCosts", "TransactionKey", "begun_again", "is_final"]

TransactionKey = tuple[str, str]
"""Station and transaction."""

_ASSIGNMENTS = TariffAssignment.metadata.tables["tariff_assignments"]
_CORRECTIONS = CostCorrection.metadata.tables["cost_corrections"]
_COSTS = TransactionCost.metadata.tables["transaction_costs"]
_SETTINGS = CostSettings.metadata.tables["cost_settings"]


class CostRow(NamedTuple):
    """A row of `transaction_costs`."""

    tenant_id: str
    station_id: str
    transaction_id: str
    sequence: int
    subject: str
    tariff_id: str | None
    tariff_version: int | None
    state: int
    before_tax: str | None
    after_tax: str | None
    accrual: bytes | None
    breakdown: bytes | None
    told_total: str | None
    next_time: datetime | None
    update_time: datetime
    waits_for: int | None = None
    waits_until: datetime | None = None
    settlement: int | None = None
    settle_time: datetime | None = None
    station_currency: str | None = None
    time_zone: str | None = None

    @property
    def tariff(self) -> VersionKey | None:
        """Return the tariff that applies; None if there is none."""
        if self.tariff_id is None or self.tariff_version is None:
            return None
        return VersionKey(self.tariff_id, self.tariff_version, self.time_zone or "")


_KEY = ("tenant_id", "station_id", "transaction_id")
_CHANGING = tuple(name for name in CostRow._fields if name not in (*_KEY, "sequence", "next_time"))
_ADD_COSTS = BulkInsert(_COSTS, CostRow._fields)
_PUT_SETTINGS = BulkUpsert(_SETTINGS, key=("tenant_id",))
_CHANGE_COSTS = BulkUpdate(_COSTS, _CHANGING, _KEY)

_OF_ENDS = ("waits_for", "waits_until", "settlement", "settle_time")
"""What no cost has while it runs."""
_RUNNING = tuple(name for name in _CHANGING if name not in _OF_ENDS)
_CHANGE_RUNNING = BulkUpdate(_COSTS, _RUNNING, _KEY)

_PROGRESS = ("before_tax", "after_tax", "accrual", "told_total", "update_time")
"""What an ordinary event changes."""
_CHANGE_PROGRESS = BulkUpdate(_COSTS, _PROGRESS, _KEY)

_NOT_FINAL = text("transaction_costs.state <> 3")
"""The condition of an index, in which it has no parameter."""

_BY_TARIFF = and_(
    _COSTS.c.tariff_id.is_not(None),
    or_(_COSTS.c.after_tax.is_not(None), _COSTS.c.state != cost_pb.COST_STATE_RUNNING),
)
"""Costs by the tariff that applies. What has no tariff is not known to cost anything."""

_place = attrgetter("sequence", "station_id", "transaction_id")
_place_in_time = attrgetter("settle_time", "station_id", "transaction_id")
_seldom = attrgetter(*(name for name in _CHANGING if name not in _PROGRESS))
_written = {names: attrgetter(*names, *_KEY) for names in (_PROGRESS, _RUNNING, _CHANGING)}

_FIND = DirectQuery(
    select(*(_COSTS.c[name] for name in CostRow._fields)).where(
        _COSTS.c.tenant_id == bindparam("tenant_id"),
        one_of_packed((_COSTS.c.station_id, _COSTS.c.transaction_id), "keys"),
    )
)


def _priced_afterwards(tenant_id: str) -> ColumnElement[bool]:
    """Return the condition that a cost is not known by its tariff, and that somebody had it priced nevertheless."""
    columns = _CORRECTIONS.c
    first = select(columns.station_id, columns.transaction_id).where(
        columns.tenant_id == tenant_id, columns.replaced_after_tax.is_(None)
    )
    return and_(not_(_BY_TARIFF), tuple_(_COSTS.c.station_id, _COSTS.c.transaction_id).in_(first))


@dataclass(frozen=True, slots=True)
class TenantCosts:
    """What a batch has to know of a tenant before it knows whether there is anything to do."""

    has_tariffs: bool
    """A tariff is assigned, or some transaction has a cost."""
    running_cost: int = pb.RUNNING_COST_ANSWER
    interval: timedelta = timedelta(minutes=1)
    price_messages: int = pb.PRICE_MESSAGES_SUPPORTED

    @property
    def answers(self) -> bool:
        """Whether TransactionEvents are answered with the running cost."""
        return self.running_cost in (pb.RUNNING_COST_ANSWER, pb.RUNNING_COST_BOTH)

    @property
    def sends(self) -> bool:
        """Whether CostUpdated is sent."""
        return self.running_cost in (pb.RUNNING_COST_COST_UPDATED, pb.RUNNING_COST_BOTH)


class DueCost(NamedTuple):
    """A transaction whose station is to be told the running cost."""

    tenant_id: str
    station_id: str
    transaction_id: str
    tariff_id: str
    tariff_version: int
    accrual: bytes
    told_total: str | None
    update_time: datetime
    """When something was heard of the transaction."""
    time_zone: str | None = None

    @property
    def tariff(self) -> VersionKey:
        """Return the tariff that applies."""
        return VersionKey(self.tariff_id, self.tariff_version, self.time_zone or "")


class CostRepository:
    """What transactions cost, and how stations are told."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._found: dict[TransactionKey, CostRow] = {}

    async def tenant(self, tenant_id: str) -> TenantCosts:
        """Return whether a tenant has anything to do with costs, and its settings."""
        assigned = exists().where(_ASSIGNMENTS.c.tenant_id == tenant_id)
        has_costs = exists().where(_COSTS.c.tenant_id == tenant_id)
        if not await self._session.scalar(select(or_(assigned, has_costs))):
            return TenantCosts(has_tariffs=False)
        settings = await self.settings(tenant_id)
        interval = timedelta(seconds=settings.interval_seconds)
        return TenantCosts(True, settings.running_cost, interval, settings.price_messages)

    async def settings(self, tenant_id: str) -> CostSettings:
        """Return the settings of a tenant, the defaults where none are stored."""
        found = await self._session.get(CostSettings, tenant_id)
        return found or CostSettings(
            tenant_id=tenant_id,
            running_cost=pb.RUNNING_COST_ANSWER,
            interval_seconds=60,
            price_messages=pb.PRICE_MESSAGES_SUPPORTED,
        )

    async def put_settings(self, settings: CostSettings, now: datetime) -> None:
        """Store settings, and have the stations that charge told by them from now on."""
        row = {column.name: getattr(settings, column.name) for column in _SETTINGS.columns}
        await _PUT_SETTINGS.execute_mappings(self._session, [row])
        sends = settings.running_cost in (pb.RUNNING_COST_COST_UPDATED, pb.RUNNING_COST_BOTH)
        await self._session.execute(
            update(_COSTS)
            .where(
                _COSTS.c.tenant_id == settings.tenant_id,
                _COSTS.c.state == cost_pb.COST_STATE_RUNNING,
                _COSTS.c.tariff_id.is_not(None),
                _COSTS.c.station_currency.is_(None),
            )
            .values(next_time=now if sends else None)
        )

    async def find_all(self, tenant_id: str, keys: Collection[TransactionKey]) -> dict[TransactionKey, CostRow]:
        """Return the stored costs of transactions."""
        rows = await _FIND.fetch(self._session, {"tenant_id": tenant_id, "keys": pack(keys)})
        found = {(row[1], row[2]): CostRow(*row) for row in rows}
        self._found |= found
        return found

    async def save(self, new: Sequence[CostRow], changed: Sequence[CostRow]) -> None:
        """Write costs. When a station is told next is not changed where a row is there already."""
        await _ADD_COSTS.execute(self._session, new)
        moved, running, over = [], [], []
        for row in changed:
            found = self._found.get((row.station_id, row.transaction_id))
            if row.state != cost_pb.COST_STATE_RUNNING:
                over.append(row)
            elif found is not None and _seldom(found) == _seldom(row):
                moved.append(row)
            else:
                running.append(row)
        for statement, names, rows in (
            (_CHANGE_PROGRESS, _PROGRESS, moved),
            (_CHANGE_RUNNING, _RUNNING, running),
            (_CHANGE_COSTS, _CHANGING, over),
        ):
            await statement.execute(self._session, list(map(_written[names], rows)))

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        transaction_id: str = "",
        transaction_ids: Collection[str] = (),
        id_token: str = "",
        state: int = 0,
        settled: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[CostRow]:
        """Return costs, of the latest transactions first. What is empty or None leaves out none.

        Those that became final in some time come by that time, the latest first.
        """
        columns = _COSTS.c
        query = select(*(columns[name] for name in CostRow._fields)).where(columns.tenant_id == tenant_id)
        query = query.where(*settled.of(columns.settle_time))
        for name, value in (("station_id", station_id), ("transaction_id", transaction_id), ("state", state)):
            if value:
                query = query.where(columns[name] == value)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, columns.station_id, stations))
        if state and state != cost_pb.COST_STATE_FINAL:
            query = query.where(_NOT_FINAL)
        time = columns.settle_time
        place = _place_in_time if settled.is_bounded else _place
        key = (time if settled.is_bounded else columns.sequence, columns.station_id, columns.transaction_id)
        # SQLite would scan all costs by an index in this order, to sort few of them no more.
        key_of_few = (func.coalesce(time, time) if settled.is_bounded else columns.sequence + 0, *key[1:])
        is_of_few = bool(transaction_ids or id_token)
        if is_of_few:
            own = keys_of(tenant_id, transaction_ids, id_token)
            query = query.where(tuple_(columns.station_id, columns.transaction_id).in_(own))
        # Each of the two is read by an index of its own.
        by_tariff = page.within(query.where(_BY_TARIFF), *(key_of_few if is_of_few else key), descending=True)
        afterwards = page.within(query.where(_priced_afterwards(tenant_id)), *key_of_few, descending=True)
        found = [CostRow(*row) for query in (by_tariff, afterwards) for row in await self._session.execute(query)]
        found.sort(key=place, reverse=True)
        return page.close(found[: page.size + 1], place)

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which a station is next to be told a cost."""
        return select(func.min(_COSTS.c.next_time)).where(_COSTS.c.next_time.is_not(None))

    async def find_due(self, now: datetime, limit: int) -> Sequence[tuple[str, str, str]]:
        """Return the keys of costs that stations are to be told now, the earliest due first."""
        due = _COSTS.c.next_time <= now
        query = select(*(_COSTS.c[name] for name in _KEY)).where(due).order_by(_COSTS.c.next_time).limit(limit)
        return [(row[0], row[1], row[2]) for row in await self._session.execute(query)]

    async def claim_due(
        self, now: datetime, later: timedelta, wanted: Collection[tuple[str, str, str]]
    ) -> Sequence[DueCost]:
        """Return those of the costs that stations are still to be told, and put them off so that no other core does.

        Those whose station is not connected are put off as well.
        """
        due = (
            select(_COSTS)
            .where(_COSTS.c.next_time <= now, one_of([_COSTS.c[name] for name in _KEY], wanted))
            .order_by(_COSTS.c.next_time)
            .with_for_update(skip_locked=True)
        )
        rows = (await self._session.execute(due)).all()
        keys = [(row.tenant_id, row.station_id, row.transaction_id) for row in rows]
        if not keys:
            return []
        running = _COSTS.c.state == cost_pb.COST_STATE_RUNNING
        claimed = one_of([_COSTS.c[name] for name in _KEY], keys)
        await self._session.execute(update(_COSTS).where(claimed, running).values(next_time=now + later))
        await self._session.execute(update(_COSTS).where(claimed, ~running).values(next_time=None))
        here = await connected_stations(self._session, [key[:2] for key in keys])
        return [
            DueCost(*(getattr(row, name) for name in DueCost._fields))
            for row in rows
            if row.state == cost_pb.COST_STATE_RUNNING and row.accrual and (row.tenant_id, row.station_id) in here
        ]

    async def put_next_times(self, times: Mapping[tuple[str, str, str], datetime]) -> None:
        """Say when stations are to be told next."""
        rows = [(time, *key) for key, time in sorted(times.items())]
        await BulkUpdate(_COSTS, ("next_time",), _KEY).execute(self._session, rows)

    async def store_shown_total(
        self, tenant_id: str, station_id: str, transaction_id: str, total: float, now: datetime
    ) -> None:
        """Keep what a station was told that a transaction costs. Does nothing where that is unknown."""
        await store_total_cost(self._session, tenant_id, station_id, transaction_id, total, now)
        await self._session.execute(
            update(_COSTS)
            .where(
                _COSTS.c.tenant_id == tenant_id,
                _COSTS.c.station_id == station_id,
                _COSTS.c.transaction_id == transaction_id,
            )
            .values(told_total=str(Decimal(repr(total))))
        )

    async def find_reservations(
        self, tenant_id: str, keys: Collection[tuple[str, int]]
    ) -> dict[tuple[str, int], tuple[datetime, datetime]]:
        """Return when reservations, by station and id, were accepted and expire: of each id the latest accepted."""
        return await find_times(self._session, tenant_id, keys)

    async def stations_with_texts(self, tenant_id: str, stations: Collection[str]) -> set[str]:
        """Return those of the stations whose device model says that they show tariffs or messages (I01.FR.02)."""
        controllers = [("tariffcostctrlr", "tariff"), ("displaymessagectrlr", "")]
        return await find_available(self._session, tenant_id, stations, controllers)


def is_final(row: CostRow | None) -> bool:
    """Return whether a cost never changes any more, but is corrected."""
    return row is not None and row.state == cost_pb.COST_STATE_FINAL


def begun_again(
    rows: Mapping[TransactionKey, CostRow], changed: Sequence[CostRow]
) -> dict[tuple[str, str, str], datetime]:
    """Return when stations are to be told of transactions that were closed, or had no tariff, and go on after all."""
    return {
        row[:3]: row.next_time
        for row in changed
        if row.next_time is not None and rows[row.station_id, row.transaction_id].next_time is None
    }
