"""Queries of charging states that arrived before their transactions."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Delete, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.transactions.charging_states.models import EarlyState
from citrine_core.blocks.transactions.models import Transaction
from citrine_core.db import UnitOfWork
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.one_of import one_of

__all__ = ["EarlyStateRepository", "EarlyStateRow", "OpenAtEVSE", "find_open_unnumbered", "forget_early_states"]

_TABLE = EarlyState.metadata.tables["early_charging_states"]
_TRANSACTIONS = Transaction.__table__.c


class EarlyStateRow(NamedTuple):
    """A row of `early_charging_states`."""

    tenant_id: str
    station_id: str
    evse_id: int
    status_time: datetime
    charging_state: int
    connector_id: int
    receive_time: datetime


MOST_OF_A_PLACE = 50
"""Number of states that remain at an EVSE: of those to which no transaction comes there is no end."""

_ADD = BulkInsert(_TABLE, EarlyStateRow._fields, ignore=True)


class EarlyStateRepository:
    """Charging states that arrived before their transactions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, rows: Collection[EarlyStateRow]) -> None:
        """Store states of one tenant; one that is stored already adds nothing. The newest of each place remain."""
        # Sorted, so that two cores can't deadlock.
        ordered = sorted(rows)
        await _ADD.execute(self._session, ordered)
        if ordered:
            await self._session.execute(_delete_old(ordered[0].tenant_id, {row[1:3] for row in ordered}))

    async def find(self, tenant_id: str, places: Collection[tuple[str, int]]) -> list[EarlyStateRow]:
        """Return the states at places, each a station and an EVSE, in the order of their times."""
        rows = await self._session.execute(
            select(*(_TABLE.c[name] for name in EarlyStateRow._fields))
            .where(_TABLE.c.tenant_id == tenant_id, one_of((_TABLE.c.station_id, _TABLE.c.evse_id), places))
            .order_by(_TABLE.c.status_time)
        )
        return [EarlyStateRow(*row) for row in rows]

    async def remove(self, tenant_id: str, place: tuple[str, int], until: datetime) -> None:
        """Delete the states of a place up to and at a time."""
        await self._session.execute(
            delete(_TABLE).where(
                _TABLE.c.tenant_id == tenant_id,
                _TABLE.c.station_id == place[0],
                _TABLE.c.evse_id == place[1],
                _TABLE.c.status_time <= until,
            )
        )

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Delete at most so many states that no transaction came to; return False if there were none."""
        key = _TABLE.primary_key.columns
        old = select(*key).where(_TABLE.c.receive_time < time).limit(limit)
        result = await (await self._session.connection()).execute(delete(_TABLE).where(tuple_(*key).in_(old)))
        return result.rowcount > 0


def _delete_old(tenant_id: str, places: Collection[tuple[str, int]]) -> Delete:
    key = ("tenant_id", "station_id", "evse_id")
    other = _TABLE.alias()
    oldest = (
        select(other.c.status_time)
        .where(*(other.c[name] == _TABLE.c[name] for name in key))
        .order_by(other.c.status_time.desc())
        .limit(1)
        .offset(MOST_OF_A_PLACE - 1)
        .correlate(_TABLE)
        .scalar_subquery()
    )
    return delete(_TABLE).where(
        _TABLE.c.tenant_id == tenant_id,
        one_of((_TABLE.c.station_id, _TABLE.c.evse_id), places),
        _TABLE.c.status_time < oldest,
    )


async def forget_early_states(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the states of a station."""
    await work.session.execute(
        delete(EarlyState).where(EarlyState.tenant_id == tenant_id, EarlyState.station_id == station_id)
    )


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
        select(_TRANSACTIONS.station_id, _TRANSACTIONS.evse_id, _TRANSACTIONS.transaction_id, _TRANSACTIONS.start_time)
        .where(
            _TRANSACTIONS.tenant_id == tenant_id,
            one_of((_TRANSACTIONS.station_id, _TRANSACTIONS.evse_id), places),
            Transaction.is_open(),
            _TRANSACTIONS.over_time.is_(None),
            _TRANSACTIONS.unnumbered.is_(True),
        )
        .order_by(_TRANSACTIONS.sequence)
    )
    return [OpenAtEVSE(*row) for row in rows]
