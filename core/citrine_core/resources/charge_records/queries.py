"""Queries about charge records for other packages."""

from collections.abc import AsyncIterator, Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.charge_records_pb2 import ChargeRecord, ChargeRecordToken
from citrine_core.resources.charge_records.models import ChargeRecord as Row
from citrine_core.resources.charge_records.repository import ChargeRecordRepository, TransactionKey

__all__ = ["find_latest_records", "tokens_recorded"]

AT_ONCE = 500
"""Revisions that are read at a time."""


async def find_latest_records(
    session: AsyncSession, tenant_id: str, keys: Collection[TransactionKey]
) -> dict[TransactionKey, ChargeRecord]:
    """Return the latest revision of the record of each transaction that has one."""
    rows = await ChargeRecordRepository(session).find_latest(tenant_id, keys)
    return {key: ChargeRecord.FromString(row.content) for key, row in rows.items()}


async def tokens_recorded(session: AsyncSession, tenant_id: str, lookup: str) -> AsyncIterator[ChargeRecordToken]:
    """Yield the tokens with a lookup as all revisions of their charge records have them, one for each revision."""
    query = select(Row.change, Row.content).where(Row.tenant_id == tenant_id, Row.id_token_lookup == lookup)
    after, rows_left = 0, True
    while rows_left:
        rows = (await session.execute(query.where(Row.change > after).order_by(Row.change).limit(AT_ONCE))).all()
        for row in rows:
            yield ChargeRecord.FromString(row.content).token
        rows_left = len(rows) == AT_ONCE
        after = rows[-1].change if rows else after
