"""Queries of charge records, and of what is to be recorded."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.db import Due, Listed, Page, database_of, one_of
from citrine_core.db.bulk import BulkInsert, BulkUpdate, BulkUpsert
from citrine_core.errors import NotFound
from citrine_core.resources.charge_records.due import DueRecord
from citrine_core.resources.charge_records.models import (
    ChargeRecord,
    ChargeRecordBackfill,
    ChargeRecordHead,
    DueChargeRecord,
)
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.tokens import lookups_of

__all__ = ["Backfilled", "ChargeRecordRepository", "Filter", "Head", "RecordRow"]

_RECORDS = ChargeRecord.metadata.tables["charge_records"]
_HEADS = ChargeRecordHead.metadata.tables["charge_record_heads"]
_DUE = DueChargeRecord.metadata.tables["due_charge_records"]
_BACKFILL = ChargeRecordBackfill.metadata.tables["charge_record_backfills"]

TransactionKey = tuple[str, str]
"""Station and transaction."""


class RecordRow(NamedTuple):
    """A row of `charge_records`."""

    tenant_id: str
    change: int
    record_id: str
    revision: int
    station_id: str
    transaction_id: str
    id_token_lookup: str | None
    reference: str | None
    correction: int
    reason: int
    end_time: datetime
    create_time: datetime
    content: bytes


class Head(NamedTuple):
    """The last change of a tenant, and when it was made."""

    change: int
    create_time: datetime


class Backfilled(NamedTuple):
    """How far transactions of before are recorded."""

    number: int
    """Of the pass."""
    last: tuple[str, str, str]


_ALL_STATIONS = StationSelector()


class Filter(NamedTuple):
    """Which revisions a list has."""

    after_change: int | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    ended_from: datetime | None = None
    ended_to: datetime | None = None
    station_id: str = ""
    transaction_id: str = ""
    id_token: str = ""
    record_id: str = ""
    latest_only: bool = False
    stations: StationSelector = _ALL_STATIONS
    reference: str = ""
    by_end: bool = False
    """Whether those come first whose transactions ended last."""


_ADD = BulkInsert(_RECORDS, RecordRow._fields)
_LOCK_HEAD = BulkUpsert(
    _HEADS,
    ("tenant_id", "change", "create_time"),
    ("tenant_id",),
    (),
    changes={"change": _HEADS.c.change},
)
"""Locks the row, which is made if there is none."""

_MOVE_HEAD = BulkUpdate(_HEADS, ("change", "create_time"), ("tenant_id",))
_ADD_BACKFILL = BulkInsert(_BACKFILL, ("id", "due_time", "tenant_id", "station_id", "transaction_id"))
_MOVE_BACKFILL = BulkUpdate(_BACKFILL, ("tenant_id", "station_id", "transaction_id"), ("id",))


class ChargeRecordRepository:
    """Charge records within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_head(self, tenant_id: str, now: datetime) -> Head:
        """Return the last change of a tenant. Nobody else makes records of the tenant until the commit.

        So changes become visible in their order, and without gaps.
        """
        await _LOCK_HEAD.execute(self._session, [(tenant_id, 0, now)])
        head = select(_HEADS.c.change, _HEADS.c.create_time).where(_HEADS.c.tenant_id == tenant_id)
        return Head(*(await self._session.execute(head)).one())

    async def add(self, rows: Sequence[RecordRow]) -> None:
        """Store revisions of one tenant, whose head is locked, in the order of their changes."""
        if rows:
            last = rows[-1]
            await _ADD.execute(self._session, rows)
            await _MOVE_HEAD.execute(self._session, [(last.change, last.create_time, last.tenant_id)])

    async def find_latest(self, tenant_id: str, keys: Collection[TransactionKey]) -> dict[TransactionKey, RecordRow]:
        """Return the latest revision of the record of each transaction that has one."""
        columns = _RECORDS.c
        key = (columns.station_id, columns.transaction_id)
        # Contents are large, and a record has one or two of them.
        rows = await self._session.execute(
            select(*(columns[name] for name in RecordRow._fields))
            .where(columns.tenant_id == tenant_id, one_of(key, keys))
            .order_by(columns.revision)
        )
        return {(row.station_id, row.transaction_id): RecordRow(*row) for row in rows}

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which a record is next to be made."""
        columns = _DUE.c
        at_once = select(columns.create_time).where(columns.due_time.is_(None)).order_by(columns.id).limit(1)
        return select(func.coalesce(at_once.scalar_subquery(), select(func.min(columns.due_time)).scalar_subquery()))

    async def has_due(self, now: datetime) -> bool:
        """Return whether any record is to be made."""
        return (await self._session.execute(select(_DUE.c.id).where(_is_due(now)).limit(1))).first() is not None

    async def claim_due(self, now: datetime, limit: int) -> Sequence[DueRecord]:
        """Claim what was added first to what is to be recorded, and remove it with this unit of work."""
        columns = _DUE.c
        query = select(columns.id, *(columns[name] for name in DueRecord._fields)).where(_is_due(now))
        claim = database_of(self._session).claim(query.order_by(columns.id).limit(limit))
        rows = (await self._session.execute(claim)).all()
        if rows:
            await self._session.execute(delete(_DUE).where(one_of(columns.id, [row.id for row in rows])))
        return [DueRecord(*row[1:]) for row in rows]

    @staticmethod
    @cache
    def backfill_due() -> Due:
        """Return the query of the time since when transactions of before are to be recorded."""
        return select(_BACKFILL.c.due_time).limit(1)

    async def lock_backfill(self, now: datetime) -> Backfilled | None:
        """Return up to where transactions of before are recorded; None if none are due, or another core does it."""
        columns = _BACKFILL.c
        query = select(columns.id, columns.tenant_id, columns.station_id, columns.transaction_id)
        row = (
            await self._session.execute(database_of(self._session).claim(query.where(columns.due_time <= now)))
        ).first()
        return None if row is None else Backfilled(row[0], (row[1], row[2], row[3]))

    async def move_backfill(self, number: int, last: tuple[str, str, str]) -> None:
        """Store up to which transaction those of before are recorded."""
        await _MOVE_BACKFILL.execute(self._session, [(*last, number)])

    async def end_backfill(self, again: tuple[int, datetime] | None) -> None:
        """Store that all are recorded, and the number and time of the pass to come, if any."""
        await self._session.execute(delete(_BACKFILL))
        if again is not None:
            await _ADD_BACKFILL.execute(self._session, [(*again, "", "", "")])

    async def find_recorded(self, tenant_id: str, keys: Collection[TransactionKey]) -> set[TransactionKey]:
        """Return those of the transactions that have a record."""
        columns = _RECORDS.c
        key = (columns.station_id, columns.transaction_id)
        query = select(*key).where(columns.tenant_id == tenant_id, one_of(key, keys), columns.revision == 1)
        return {(row[0], row[1]) for row in await self._session.execute(query)}

    async def find_awaited(self, tenant_id: str, keys: Collection[TransactionKey]) -> set[TransactionKey]:
        """Return those of the transactions whose record is to be made anyway."""
        columns = _DUE.c
        key = (columns.station_id, columns.transaction_id)
        query = select(*key).where(columns.tenant_id == tenant_id, one_of(key, keys))
        return {(row[0], row[1]) for row in await self._session.execute(query)}

    async def get(
        self, tenant_id: str, *, record_id: str = "", station_id: str = "", transaction_id: str = "", revision: int = 0
    ) -> bytes:
        """Return a revision of a record, the latest for 0; the record is named by its id or by its transaction.

        Raises:
            NotFound: When there is none.
        """
        columns = _RECORDS.c
        query = select(columns.content).where(columns.tenant_id == tenant_id)
        if record_id:
            query = query.where(columns.record_id == record_id)
        else:
            query = query.where(columns.station_id == station_id, columns.transaction_id == transaction_id)
        if revision:
            query = query.where(columns.revision == revision)
        content: bytes | None = await self._session.scalar(query.order_by(columns.revision.desc()).limit(1))
        if content is None:
            of = "charge record" if record_id else "charge record of transaction"
            raise NotFound(f"revision {revision} of {of}" if revision else of, record_id or transaction_id)
        return content

    async def list(self, tenant_id: str, page: Page, wanted: Filter) -> Listed[bytes]:
        """Return revisions: the highest change first, or the lowest first after one; by their ends the latest first."""
        columns = _RECORDS.c
        query = select(columns.change, columns.create_time, columns.end_time, columns.content).where(
            columns.tenant_id == tenant_id,
            *_conditions(wanted),
            *stations_selected(tenant_id, columns.station_id, wanted.stations),
        )
        descending = wanted.after_change is None
        if wanted.by_end:
            key: tuple[Any, ...] = (columns.end_time, columns.change)
        elif wanted.created_from is not None or wanted.created_to is not None:
            # The same order: it is that of the changes.
            key = (columns.create_time, columns.change)
        else:
            key = (columns.change,)
        rows = (await self._session.execute(page.within(query, *key, descending=descending))).all()
        names = [column.key for column in key]
        found, token = page.close(rows, lambda row: tuple(getattr(row, name) for name in names))
        return [row.content for row in found], token


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(_DUE.c.due_time.is_(None), _DUE.c.due_time <= now)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    columns, found = _RECORDS.c, []
    if wanted.after_change is not None:
        found.append(columns.change > wanted.after_change)
    for column, since, until in (
        (columns.create_time, wanted.created_from, wanted.created_to),
        (columns.end_time, wanted.ended_from, wanted.ended_to),
    ):
        if since is not None:
            found.append(column >= since)
        if until is not None:
            found.append(column < until)
    if wanted.reference:
        # The condition of the index.
        found.append(columns.reference.is_not(None))
    for name in ("station_id", "transaction_id", "record_id", "reference"):
        if getattr(wanted, name):
            found.append(columns[name] == getattr(wanted, name))
    if wanted.id_token:
        found.append(columns.id_token_lookup.in_(lookups_of(wanted.id_token)))
    if wanted.latest_only:
        later = aliased(_RECORDS).c
        same = [later[name] == columns[name] for name in ("tenant_id", "record_id")]
        found.append(~exists().where(*same, later.revision == columns.revision + 1))
    return found
