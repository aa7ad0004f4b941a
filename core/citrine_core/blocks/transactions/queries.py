"""Queries into the transactions for other modules, and the one column that another package writes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, ScalarSelect, exists, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_core.blocks.transactions.models import Transaction, TransactionEvent
from citrine_core.db.one_of import one_of
from citrine_core.resources.tokens.queries import group_of

__all__ = [
    "OpenAtEVSE",
    "count_running",
    "find_ends",
    "find_event_requests",
    "find_next_start",
    "find_open",
    "find_open_of_tokens",
    "find_open_unnumbered",
    "has_ended",
    "latest_of_start",
    "may_be_orphaned",
    "sample_times",
    "store_total_cost",
]

_TABLE = Transaction.__table__.c
_EVENTS = TransactionEvent.__table__.c

_CHARGING_STATES = {
    value.number: value.name.removeprefix("CHARGING_STATE_ENUM_").lower()
    for value in ChargingStateEnum.DESCRIPTOR.values
    if value.number
}


class OpenAtEVSE(NamedTuple):
    """An open transaction at an EVSE."""

    station_id: str
    evse_id: int
    transaction_id: str
    start_time: datetime | None


async def find_open_unnumbered(
    session: AsyncSession, tenant_id: str, places: Collection[tuple[str, int]]
) -> list[OpenAtEVSE]:
    """Return the open transactions with unnumbered events at EVSEs, those that began last at the end.

    Transactions that other events prove to be over are left out.
    """
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.evse_id, _TABLE.transaction_id, _TABLE.start_time)
        .where(
            _TABLE.tenant_id == tenant_id,
            one_of((_TABLE.station_id, _TABLE.evse_id), places),
            Transaction.is_open(),
            _TABLE.over_time.is_(None),
            _TABLE.unnumbered.is_(True),
        )
        .order_by(_TABLE.sequence)
    )
    return [OpenAtEVSE(*row) for row in rows]


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
    return (
        select(_TABLE.transaction_id)
        .where(
            _TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id, _TABLE.remote_start_id == remote_start_id
        )
        .order_by(_TABLE.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )


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


async def find_next_start(
    session: AsyncSession, tenant_id: str, station_id: str, evse_id: int, sequence: int, start: datetime
) -> datetime | None:
    """Return when the next transaction began at the EVSE of one with this sequence and start. None: none did."""
    found: datetime | None = await session.scalar(
        select(func.min(_TABLE.start_time)).where(
            _TABLE.tenant_id == tenant_id,
            _TABLE.station_id == station_id,
            _TABLE.sequence > sequence,
            _TABLE.evse_id == evse_id,
            _TABLE.start_time > start,
        )
    )
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


async def find_event_requests(
    session: AsyncSession, tenant_id: str, station_id: str, keys: Collection[tuple[str, int, int]]
) -> dict[tuple[str, int, int], bytes]:
    """Return the serialised requests of events of a station, by transaction, seqNo and digest."""
    key = (_EVENTS.transaction_id, _EVENTS.seq_no, _EVENTS.digest)
    rows = await session.execute(
        select(*key, _EVENTS.request).where(
            _EVENTS.tenant_id == tenant_id, _EVENTS.station_id == station_id, one_of(key, keys)
        )
    )
    return {(transaction_id, seq_no, digest): request for transaction_id, seq_no, digest, request in rows}


async def store_total_cost(
    session: AsyncSession, tenant_id: str, station_id: str, transaction_id: str, total: float, now: datetime
) -> None:
    """Store the total that was sent to a station, in its currency. Does nothing for an unknown transaction."""
    table = Transaction.metadata.tables["transactions"]
    await session.execute(
        update(table)
        .where(
            table.c.tenant_id == tenant_id,
            table.c.station_id == station_id,
            table.c.transaction_id == transaction_id,
        )
        .values(total_cost=total, update_time=now)
    )


def _is(tenant_id: Any, station_id: Any, transaction_id: Any) -> tuple[ColumnElement[bool], ...]:
    return _TABLE.tenant_id == tenant_id, _TABLE.station_id == station_id, _TABLE.transaction_id == transaction_id
