"""Queries into the events of transactions, each of the partitions in which they may be."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum, TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import MeterValue
from citrine_core.blocks.transactions.models import Transaction, TransactionEvent
from citrine_core.blocks.transactions.queries import SettledTransaction
from citrine_core.db.one_of import one_of

__all__ = [
    "find_boundary_events",
    "find_event_requests",
    "find_meter_values_of_events",
    "within_months",
]

_TRANSACTIONS = Transaction.__table__.c
_EVENTS = TransactionEvent.__table__.c


async def within_months(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]
) -> ColumnElement[bool]:
    """Return the condition that an event is in a partition in which those of transactions may be.

    Args:
        session: The session of the database.
        tenant_id: Tenant of the stations.
        keys: Station and id of each transaction.
    """
    named = select(_TRANSACTIONS.events_month).where(
        _TRANSACTIONS.tenant_id == tenant_id, one_of((_TRANSACTIONS.station_id, _TRANSACTIONS.transaction_id), keys)
    )
    return _EVENTS.events_month.in_(sorted({0, *(await session.scalars(named.distinct()))}))


async def find_event_requests(
    session: AsyncSession, tenant_id: str, station_id: str, keys: Collection[tuple[str, int, int]]
) -> dict[tuple[str, int, int], bytes]:
    """Return the serialised requests of events of a station, by transaction, seqNo and digest."""
    key = (_EVENTS.transaction_id, _EVENTS.seq_no, _EVENTS.digest)
    is_within = await within_months(session, tenant_id, {(station_id, one[0]) for one in keys})
    rows = await session.execute(
        select(*key, _EVENTS.request).where(
            _EVENTS.tenant_id == tenant_id, _EVENTS.station_id == station_id, one_of(key, keys), is_within
        )
    )
    return {(transaction_id, seq_no, digest): request for transaction_id, seq_no, digest, request in rows}


async def find_boundary_events(
    session: AsyncSession, tenant_id: str, transactions: Collection[SettledTransaction]
) -> dict[tuple[str, str], list[Any]]:
    """Return the events that begin and end transactions, by station and transaction, in their order.

    Returns:
        For each: station_id, transaction_id, event_type, offline and request.
    """
    numbers = {(*one.key, seq_no) for one in transactions for seq_no in (one.row.first_seq_no, one.row.last_seq_no)}
    if not numbers:
        return {}
    ends = (TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED, TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED)
    months = sorted({0, *(one.row.events_month for one in transactions)})
    rows = await session.execute(
        select(_EVENTS.station_id, _EVENTS.transaction_id, _EVENTS.event_type, _EVENTS.offline, _EVENTS.request)
        .where(
            _EVENTS.tenant_id == tenant_id,
            one_of((_EVENTS.station_id, _EVENTS.transaction_id, _EVENTS.seq_no), numbers),
            _EVENTS.event_type.in_([int(one) for one in ends]),
            _EVENTS.late.is_not(True),
            _EVENTS.events_month.in_(months),
        )
        .order_by(_EVENTS.seq_no, _EVENTS.event_time)
    )
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        found.setdefault((row.station_id, row.transaction_id), []).append(row)
    return found


async def find_meter_values_of_events(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[Any, ...]]
) -> dict[tuple[Any, ...], list[MeterValue]]:
    """Return the meter values of events, by station, transaction and seqNo; of events with one seqNo together."""
    columns = (_EVENTS.station_id, _EVENTS.transaction_id, _EVENTS.seq_no)
    is_within = await within_months(session, tenant_id, {(one[0], one[1]) for one in keys})
    query = select(*columns, _EVENTS.request).where(
        _EVENTS.tenant_id == tenant_id, tuple_(*columns).in_(keys), is_within
    )
    found: dict[tuple[Any, ...], list[MeterValue]] = {}
    for *key, request in await session.execute(query.order_by(_EVENTS.event_time)):
        found.setdefault(tuple(key), []).extend(TransactionEventRequest.FromString(request).meter_value)
    return found
