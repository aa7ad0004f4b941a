"""Queries about charge records for other packages."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.charge_records_pb2 import ChargeRecord
from citrine_core.resources.charge_records.repository import ChargeRecordRepository, TransactionKey

__all__ = ["find_latest_records"]


async def find_latest_records(
    session: AsyncSession, tenant_id: str, keys: Collection[TransactionKey]
) -> dict[TransactionKey, ChargeRecord]:
    """Return the latest revision of the record of each transaction that has one."""
    rows = await ChargeRecordRepository(session).find_latest(tenant_id, keys)
    return {key: ChargeRecord.FromString(row.content) for key, row in rows.items()}
