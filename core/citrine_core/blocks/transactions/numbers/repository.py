"""Queries of the numbers of transactions."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.transactions_pb2 import TRANSACTION_EVENT_ENUM_ENDED
from citrine_core.blocks.transactions.models import TransactionEvent
from citrine_core.blocks.transactions.numbers.models import TransactionNumber
from citrine_core.blocks.transactions.stored_events import within_months
from citrine_core.db import UnitOfWork, one_of
from citrine_core.db.bulk import BulkInsert, BulkUpdate

__all__ = ["NumberRepository", "StartKey", "find_end_receipts", "forget_numbers"]

StartKey = tuple[str, str]
"""Station, and digest of the start."""

_NUMBERS = TransactionNumber.metadata.tables["transaction_numbers"]
_EVENTS = TransactionEvent.metadata.tables["transaction_events"]
_ENDED = int(TRANSACTION_EVENT_ENUM_ENDED)

_ADD = BulkInsert(
    _NUMBERS,
    ("tenant_id", "station_id", "start_digest", "number"),
    ignore=True,
    key=("tenant_id", "station_id", "start_digest"),
    returning=("station_id", "start_digest"),
)

_REPLACE = BulkUpdate(_NUMBERS, ("number",), ("tenant_id", "station_id", "start_digest", "number"))


class NumberRepository:
    """The numbers of transactions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, tenant_id: str, numbers: Mapping[StartKey, int]) -> set[StartKey]:
        """Store numbers of starts; return those starts that had none. The numbers of the others don't change.

        Waits for transactions of other cores that store the same start.

        Raises:
            IntegrityError: When another transaction of the station has the number. The next try has other numbers.
        """
        # Sorted, so that two cores can't deadlock.
        rows = [(tenant_id, *key, number) for key, number in sorted(numbers.items())]
        return {(station_id, digest) for station_id, digest in await _ADD.fetch(self._session, rows)}

    async def replace(self, tenant_id: str, numbers: Mapping[StartKey, tuple[int, int]]) -> None:
        """Set new numbers of starts, each with the one that it replaces; one that changed meanwhile is left.

        Raises:
            IntegrityError: As `add`, when it is executed.
        """
        rows = [(new, tenant_id, *key, old) for key, (new, old) in sorted(numbers.items())]
        await _REPLACE.execute(self._session, rows)

    async def find(self, tenant_id: str, keys: Collection[StartKey]) -> dict[StartKey, int]:
        """Return the numbers of starts."""
        columns = _NUMBERS.c
        rows = await self._session.execute(
            select(columns.station_id, columns.start_digest, columns.number).where(
                columns.tenant_id == tenant_id, one_of((columns.station_id, columns.start_digest), keys)
            )
        )
        return {(row[0], row[1]): row[2] for row in rows}


async def forget_numbers(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Have the starts of a station begin new transactions, whatever it sent before it was removed.

    Their numbers stay reserved by the transactions themselves.
    """
    await work.session.execute(
        delete(TransactionNumber).where(
            TransactionNumber.tenant_id == tenant_id, TransactionNumber.station_id == station_id
        )
    )


async def find_end_receipts(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], datetime]:
    """Return when the first end of each transaction arrived, by station and transaction; none without one."""
    key = (_EVENTS.c.station_id, _EVENTS.c.transaction_id)
    is_within = await within_months(session, tenant_id, keys)
    rows = await session.execute(
        select(*key, func.min(_EVENTS.c.receive_time))
        .where(_EVENTS.c.tenant_id == tenant_id, one_of(key, keys), is_within, _EVENTS.c.event_type == _ENDED)
        .group_by(*key)
    )
    return {(station_id, transaction_id): time for station_id, transaction_id, time in rows}
