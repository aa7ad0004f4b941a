"""Queries of the audit."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, delete, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import ANY_TIME, Listed, Page, Span, begins_with
from citrine_core.db.bulk import BulkInsert, BulkUpsert
from citrine_core.errors import NotFound
from citrine_core.resources.audit.models import AuditCheckpoint, AuditRecord

__all__ = ["AuditRepository"]

_TABLE = AuditRecord.metadata.tables["audit_records"]
_CHECKPOINTS = AuditCheckpoint.metadata.tables["audit_checkpoints"]

_ADD = BulkInsert(_TABLE)
_PUT_CHECKPOINT = BulkUpsert(_CHECKPOINTS, ("chain_id", "number", "hash"), ("chain_id",))


class AuditRepository:
    """Reads and writes the audit within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store records."""
        await _ADD.execute_mappings(self._session, rows)

    async def newest_hash(self) -> str:
        """Return the hash of the newest record. Empty: there is none."""
        newest = select(AuditRecord.hash).order_by(AuditRecord.record_id.desc()).limit(1)
        return await self._session.scalar(newest) or ""

    async def get(self, tenant_id: str | None, record_id: str) -> AuditRecord:
        """Return a record of a tenant; None: of any.

        Raises:
            NotFound: When there is none of this id.
        """
        found = await self._session.get(AuditRecord, record_id)
        if found is None or tenant_id not in (None, found.tenant_id):
            raise NotFound("audit record", record_id)
        return found

    async def list(
        self,
        tenant_id: str | None,
        page: Page,
        *,
        caller_id: str = "",
        method: str = "",
        object_part: str = "",
        about: str = "",
        times: Span = ANY_TIME,
    ) -> Listed[AuditRecord]:
        """Return records, the latest first.

        Args:
            tenant_id: Of which tenant. None: of all, and of none.
            page: Which of them.
            caller_id: Only of this caller. Empty: of all.
            method: Only of this method. Empty: of all.
            object_part: Only whose object contains it, which reads all that the other filters leave. Empty: all.
            about: Only whose object is this, alone or with more behind it. Empty: all.
            times: Only of this time.
        """
        query = select(AuditRecord)
        if tenant_id is not None:
            query = query.where(AuditRecord.tenant_id == tenant_id)
        if caller_id:
            query = query.where(AuditRecord.caller_id == caller_id)
        if method:
            query = query.where(AuditRecord.method == method)
        if object_part:
            query = query.where(AuditRecord.object.contains(object_part, autoescape=True))
        if about:
            return await self._list_about(page, query, about, times)
        row = AuditRecord
        key = (row.create_time, row.record_id) if times.is_bounded else (row.record_id,)
        return await page.read(self._session, query.where(*times.of(row.create_time)), *key, descending=True)

    async def _list_about(self, page: Page, query: Select[AuditRecord], about: str, times: Span) -> Listed[AuditRecord]:
        """Return records whose object is this, alone or with others behind it: each is a range of an index."""
        row = AuditRecord
        names = ("create_time", "record_id") if times.is_bounded else ("record_id",)
        # SQLite would go through all records in this order, to sort the few of the object no more.
        time, record_id = func.coalesce(row.create_time, row.create_time), row.record_id.concat("")
        key = (time, record_id) if times.is_bounded else (record_id,)
        query = query.where(*times.of(time))
        found: list[AuditRecord] = []
        for is_about in (row.object == about, begins_with(row.object, f"{about}, ")):
            found += await self._session.scalars(page.within(query.where(is_about), *key, descending=True))
        found.sort(key=attrgetter(*names), reverse=True)
        return page.close(found[: page.size + 1], lambda record: tuple(getattr(record, name) for name in names))

    async def by_chain(self, after: tuple[str, int], limit: int) -> Sequence[AuditRecord]:
        """Return records of all chains, by chain and number, behind one."""
        key = (AuditRecord.chain_id, AuditRecord.number)
        query = select(AuditRecord).where(tuple_(*key) > after).order_by(*key).limit(limit)
        return (await self._session.scalars(query)).all()

    async def checkpoints(self) -> dict[str, tuple[int, str]]:
        """Return number and hash of the last record that was removed, by chain."""
        rows = await self._session.execute(select(*_CHECKPOINTS.c))
        return {row.chain_id: (row.number, row.hash) for row in rows}

    async def has_hash(self, hash_: str) -> bool:
        """Return whether there is a record with a hash, or was one behind which its chain goes on."""
        of_record = select(exists().where(AuditRecord.hash == hash_))
        of_checkpoint = select(exists().where(AuditCheckpoint.hash == hash_))
        return bool(await self._session.scalar(of_record) or await self._session.scalar(of_checkpoint))

    async def erase(
        self, tenant_id: str, after: str, limit: int, replace: Callable[[str, str], tuple[str, str]]
    ) -> tuple[Sequence[str], int]:
        """Replace what a person is known by in the next records of a tenant behind an id.

        Args:
            tenant_id: Tenant of the records.
            after: The id.
            limit: At most this many.
            replace: Returns `object` and `request` of a record without that.

        Returns:
            The ids of the records that were read, and how many of them were changed.
        """
        columns = _TABLE.c
        query = select(columns.record_id, columns.object, columns.request)
        query = query.where(columns.tenant_id == tenant_id, columns.record_id > after)
        rows = (await self._session.execute(query.order_by(columns.record_id).limit(limit))).all()
        changed = 0
        for row in rows:
            about, request = replace(row.object, row.request)
            if (row.object, row.request) != (about, request):
                of_it = update(_TABLE).where(columns.record_id == row.record_id)
                # A pseudonym may be longer than the id.
                await self._session.execute(of_it.values(object=about[:255], request=request, erased=True))
                changed += 1
        return [row.record_id for row in rows], changed

    async def has_before(self, time: datetime) -> bool:
        """Return whether there is a record of before a time."""
        return bool(await self._session.scalar(select(exists().where(AuditRecord.create_time < time))))

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Remove the beginnings of chains that are older than a time; return False if there was none.

        The database refuses it for those younger than 30 days.
        """
        key = (AuditRecord.chain_id, AuditRecord.number)
        old = select(*key, AuditRecord.hash).where(AuditRecord.create_time < time)
        rows = (await self._session.execute(old.order_by(*key).limit(limit))).all()
        last = {row.chain_id: (row.chain_id, row.number, row.hash) for row in rows}
        await _PUT_CHECKPOINT.execute(self._session, list(last.values()))
        for chain_id, number, _ in last.values():
            await self._session.execute(
                delete(AuditRecord).where(AuditRecord.chain_id == chain_id, AuditRecord.number <= number),
                execution_options={"synchronize_session": False},
            )
        return bool(rows)
