"""Queries into the transactions for other modules, and the one column that another package writes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, exists, func, not_, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.transactions_pb2 import TransactionAnomaly
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_core.blocks.transactions.models import Transaction
from citrine_core.blocks.transactions.protos import anomalies_of, missing_events_of
from citrine_core.db import ANY_TIME, Listed, Page, Span
from citrine_core.db.one_of import one_of
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.tokens.queries import group_of

__all__ = [
    "SettledTransaction",
    "UnsettledTransaction",
    "count_running",
    "find_after",
    "find_ends",
    "find_next_starts",
    "find_open",
    "find_open_of_tokens",
    "find_rows",
    "find_settled",
    "find_unnumbered_registers",
    "has_ended",
    "latest_of_start",
    "list_unsettled",
    "may_be_orphaned",
    "sample_times",
    "stations_with_open",
    "store_total_cost",
]

_TABLE = Transaction.__table__.c

_CHARGING_STATES = {
    value.number: value.name.removeprefix("CHARGING_STATE_ENUM_").lower()
    for value in ChargingStateEnum.DESCRIPTOR.values
    if value.number
}


PLACES_AT_ONCE = 50
"""Most EVSEs in one statement that asks about each."""


async def count_running(session: AsyncSession) -> dict[str, int]:
    """Return how many transactions of all tenants are under way, by charging state; "unknown" without one."""
    rows = await (await session.connection()).execute(
        select(_TABLE.charging_state, func.count()).where(Transaction.is_open()).group_by(_TABLE.charging_state)
    )
    counts = dict.fromkeys((*_CHARGING_STATES.values(), "unknown"), 0)
    for state, count in rows:
        counts[_CHARGING_STATES.get(state, "unknown")] += count
    return counts


def has_ended(tenant_id: Any, station_id: Any, transaction_id: Any) -> ColumnElement[bool]:
    """Return the condition that the transaction of three columns ended or was closed."""
    return exists().where(*_is(tenant_id, station_id, transaction_id), not_(Transaction.is_open()))


def may_be_orphaned(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that the station of two columns has open transactions that are not orphaned."""
    return exists().where(
        _TABLE.tenant_id == tenant_id,
        _TABLE.station_id == station_id,
        Transaction.is_open(),
        _TABLE.orphaned.is_(False),
    )


def latest_of_start(tenant_id: Any, station_id: Any, remote_start_id: Any) -> ScalarSelect[str | None]:
    """Return an expression: the id of the latest transaction that began by the remote start of three columns."""
    is_of = (_TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id, _TABLE.remote_start_id == remote_start_id)
    latest = select(_TABLE.transaction_id).where(*is_of).order_by(_TABLE.sequence.desc())
    return latest.limit(1).scalar_subquery()


def sample_times(tenant_id: str, station_id: str, transaction_id: str) -> tuple[ScalarSelect[Any], ScalarSelect[Any]]:
    """Return expressions: between which times the samples of a transaction are, both included."""
    first, last = (
        select(column).where(*_is(tenant_id, station_id, transaction_id)).scalar_subquery()
        for column in (_TABLE.first_sample_time, _TABLE.last_sample_time)
    )
    return first, last


async def find_open(session: AsyncSession, tenant_id: str, station_id: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the open transactions of a station, the latest first.

    Returns:
        For each: transaction_id, evse_id, energy_wh, orphaned, charging_state and remote_start_id.
    """
    rows = await session.execute(
        select(
            _TABLE.transaction_id,
            _TABLE.evse_id,
            _TABLE.energy_wh,
            _TABLE.orphaned,
            _TABLE.charging_state,
            _TABLE.remote_start_id,
        )
        .where(_TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id, Transaction.is_open())
        .order_by(_TABLE.sequence.desc())
    )
    return rows.all()


async def find_open_of_tokens(
    session: AsyncSession, tenant_id: str, lookups: Collection[str], station_ids: Collection[str]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the accepted open transactions of tokens, and those at stations.

    A transaction that its station seems to have forgotten, or that is proven to be over, does not count: it would
    prevent its driver from charging.

    Returns:
        For each: station_id, transaction_id, id_token_lookup, id_token_type, group_id of its token, and evse_id.
    """
    group = group_of(_TABLE.tenant_id, _TABLE.id_token_lookup, _TABLE.id_token_type).label("group_id")
    rows = await session.execute(
        select(
            _TABLE.station_id,
            _TABLE.transaction_id,
            _TABLE.id_token_lookup,
            _TABLE.id_token_type,
            group,
            _TABLE.evse_id,
        ).where(
            _TABLE.tenant_id == tenant_id,
            Transaction.is_open(),
            _TABLE.orphaned.is_(False),
            _TABLE.over_time.is_(None),
            _TABLE.id_token_status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED,
            or_(
                one_of(_TABLE.id_token_lookup, lookups),
                one_of(_TABLE.station_id, station_ids),
            ),
        )
    )
    return rows.all()


async def find_next_starts(
    session: AsyncSession, tenant_id: str, places: Sequence[tuple[str, int, int, datetime]]
) -> list[datetime | None]:
    """Return when the next transactions began at EVSEs. None: none did.

    Args:
        session: The session of the database.
        tenant_id: Tenant of the stations.
        places: Station, EVSE, sequence and start of the transactions before.
    """
    found: list[datetime | None] = []
    for first in range(0, len(places), PLACES_AT_ONCE):
        starts = [
            select(func.min(_TABLE.start_time))
            .where(
                _TABLE.tenant_id == tenant_id,
                _TABLE.station_id == station_id,
                _TABLE.sequence > sequence,
                _TABLE.evse_id == evse_id,
                _TABLE.start_time > start,
            )
            .scalar_subquery()
            for station_id, evse_id, sequence, start in places[first : first + PLACES_AT_ONCE]
        ]
        found += (await session.execute(select(*starts))).one()
    return found


async def find_ends(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Row[*tuple[Any, ...]]]:
    """Return the progress of transactions, by station and transaction.

    Returns:
        For each that exists: station_id, transaction_id, end_time, stopped_reason and id_token_status.
    """
    if not keys:
        return {}
    key = (_TABLE.station_id, _TABLE.transaction_id)
    rows = await session.execute(
        select(*key, _TABLE.end_time, _TABLE.stopped_reason, _TABLE.id_token_status).where(
            _TABLE.tenant_id == tenant_id, one_of(key, keys)
        )
    )
    return {(row.station_id, row.transaction_id): row for row in rows}


async def find_unnumbered_registers(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], float | None]:
    """Return the last readings in Wh of those transactions that have unnumbered events, by station and transaction."""
    key = (_TABLE.station_id, _TABLE.transaction_id)
    rows = await session.execute(
        select(*key, _TABLE.meter_last_wh).where(
            _TABLE.tenant_id == tenant_id, one_of(key, keys), _TABLE.unnumbered.is_(True)
        )
    )
    return {(station_id, transaction_id): wh for station_id, transaction_id, wh in rows}


@dataclass(frozen=True, slots=True)
class UnsettledTransaction:
    """A transaction that is not settled."""

    row: Row[Any]
    """Its columns."""

    @property
    def missing_events(self) -> int:
        """How many events are missing."""
        return missing_events_of(self.row)


@dataclass(frozen=True, slots=True)
class SettledTransaction:
    """A transaction that is settled."""

    row: Row[Any]
    """Its columns."""

    @property
    def key(self) -> tuple[str, str]:
        """Station and transaction."""
        return self.row.station_id, self.row.transaction_id

    @property
    def token_key(self) -> tuple[str, str] | None:
        """Normalised spelling and type of its token. None: no token was reported."""
        row = self.row
        return None if row.id_token_lookup is None else (row.id_token_lookup, row.id_token_type or "")

    @property
    def skew(self) -> timedelta:
        """How far its station's clock was ahead of ours, where it is billed by ours."""
        return timedelta(milliseconds=self.row.clock_skew_ms or 0)

    @property
    def missing_events(self) -> int:
        """How many events are missing."""
        return missing_events_of(self.row)

    @property
    def anomalies(self) -> list[TransactionAnomaly]:
        """What is doubtful about it."""
        return anomalies_of(self.row)


async def find_settled(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], SettledTransaction]:
    """Return those of the transactions, by station and id, that are settled, and have no events or price deferred."""
    rows = await find_rows(session, tenant_id, keys) if keys else {}
    return {
        key: SettledTransaction(row)
        for key, row in rows.items()
        if row.settle_time is not None and row.refold_due_time is None
    }


async def find_after(
    session: AsyncSession, after: tuple[str, str, str], limit: int, *, settled_only: bool = False
) -> Sequence[tuple[str, str, str]]:
    """Return transactions of all tenants after one (tenant, station and id), in the order of these."""
    key = (_TABLE.tenant_id, _TABLE.station_id, _TABLE.transaction_id)
    settled = [_TABLE.settle_time.is_not(None)] if settled_only else []
    query = select(*key).where(tuple_(*key) > after, *settled).order_by(*key).limit(limit)
    return [(row[0], row[1], row[2]) for row in await session.execute(query)]


async def find_rows(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Row[*tuple[Any, ...]]]:
    """Return all columns of transactions, by station and id."""
    key = (_TABLE.station_id, _TABLE.transaction_id)
    rows = await session.execute(select(*_TABLE).where(_TABLE.tenant_id == tenant_id, one_of(key, keys)))
    return {(row.station_id, row.transaction_id): row for row in rows}


async def list_unsettled(
    session: AsyncSession,
    tenant_id: str,
    page: Page,
    *,
    station_id: str = "",
    over_only: bool = False,
    started: Span = ANY_TIME,
    stations: StationSelector,
) -> Listed[UnsettledTransaction]:
    """Return the transactions that are not settled, those stored last first.

    Args:
        session: The session of the database.
        tenant_id: Tenant of the stations.
        page: The page of the list.
        station_id: Only of this station.
        over_only: Only those that ended, were closed, or are proven to be over.
        started: Only those that began in this time.
        stations: Only of these stations.
    """
    selected = stations_selected(tenant_id, _TABLE.station_id, stations)
    query = select(*_TABLE).where(_TABLE.tenant_id == tenant_id, _TABLE.settle_time.is_(None), *selected)
    if station_id:
        # As an expression, or SQLite would go through all transactions of the station, by an index of these.
        query = query.where(_TABLE.station_id.concat("") == station_id)
    # The same of the time.
    query = query.where(*started.of(func.coalesce(_TABLE.start_time, _TABLE.start_time)))
    if over_only:
        query = query.where(or_(not_(Transaction.is_open()), _TABLE.over_time.is_not(None)))
    key = (Transaction.sequence, Transaction.station_id, Transaction.transaction_id)
    rows = (await session.execute(page.within(query, *key, descending=True))).all()
    found, token = page.close(rows, lambda row: (row.sequence, row.station_id, row.transaction_id))
    return list(map(UnsettledTransaction, found)), token


def stations_with_open(tenant_id: str, stations: StationSelector) -> Select[Any]:
    """Return the query of the stations that have open transactions: how many, and what these import and imported."""
    selected = stations_selected(tenant_id, _TABLE.station_id, stations)
    sums = [func.sum(column).label(column.name) for column in (_TABLE.power_w, _TABLE.energy_wh)]
    query = select(_TABLE.station_id, func.count().label("transactions"), *sums).where(
        _TABLE.tenant_id == tenant_id, Transaction.is_open(), *selected
    )
    return query.group_by(_TABLE.station_id)


async def store_total_cost(
    session: AsyncSession, tenant_id: str, station_id: str, transaction_id: str, total: float, now: datetime
) -> None:
    """Store the total that was sent to a station, in its currency. Does nothing for an unknown transaction."""
    stored = update(Transaction.metadata.tables["transactions"]).where(*_is(tenant_id, station_id, transaction_id))
    await session.execute(stored.values(total_cost=total, update_time=now))


def _is(tenant_id: Any, station_id: Any, transaction_id: Any) -> tuple[ColumnElement[bool], ...]:
    return _TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id, _TABLE.transaction_id == transaction_id
