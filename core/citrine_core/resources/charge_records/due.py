"""Says that the charge record of a transaction, or a revision of it, is to be made."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.bulk import BulkInsert
from citrine_core.db.one_of import one_of
from citrine_core.resources.charge_records.models import ChargeRecordBackfill, DueChargeRecord

__all__ = ["DueRecord", "add_due", "has_due_records", "is_any_due"]


class DueRecord(NamedTuple):
    """A transaction whose record, or a revision of it, is to be made."""

    tenant_id: str
    station_id: str
    transaction_id: str
    reason: int
    """citrine.api.v1.CostCorrection.Reason of a revision without a cost correction. 0: it was settled."""
    create_time: datetime
    due_time: datetime | None = None
    """When it is to be made. None: at once."""


_ADD = BulkInsert(DueChargeRecord.metadata.tables["due_charge_records"], DueRecord._fields)


async def add_due(session: AsyncSession, rows: Sequence[DueRecord]) -> None:
    """Have records made, once the transaction of the session is committed. Says too much at no harm."""
    await _ADD.execute(session, rows)


async def has_due_records(session: AsyncSession, tenant_id: str) -> bool:
    """Return whether records of a tenant are to be made, or may be: those of before there were records."""
    due = exists().where(DueChargeRecord.tenant_id == tenant_id)
    of_before = exists(select(ChargeRecordBackfill.id))
    return bool(await session.scalar(select(or_(due, of_before))))


async def is_any_due(session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]) -> bool:
    """Return whether the record of one of some transactions, by station and id, is to be made."""
    row = DueChargeRecord
    of_them = row.tenant_id == tenant_id, one_of((row.station_id, row.transaction_id), keys)
    return bool(await session.scalar(select(exists().where(*of_them))))
