"""Queries of the reports."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from citrine.api.v1 import reports_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.one_of import one_of
from citrine_core.errors import NotFound
from citrine_core.resources.reports.models import ReportPart, ReportRun
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["ReportRepository", "RunKey", "silent_since"]

RunKey: TypeAlias = tuple[str, int]
"""Station and request id."""

SeqNos: TypeAlias = list[int]
"""Numbers of parts, in order."""

_OPEN = (pb.REPORT_STATE_REQUESTED, pb.REPORT_STATE_RECEIVING, pb.REPORT_STATE_GAP)
"""States in which more may be expected."""

_STATES = tuple(pb.ReportState.values())

_RUNS = ReportRun.metadata.tables["report_runs"]
_KEY = ("tenant_id", "station_id", "kind", "request_id")

_ADD_RUNS = BulkInsert(_RUNS, ignore=True, key=_KEY)


class ReportRepository:
    """Reports of stations, and their parts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, part: ReportPart) -> None:
        """Store a new part."""
        self._session.add(part)

    async def find_runs(self, tenant_id: str, kind: int, keys: Collection[RunKey]) -> dict[RunKey, ReportRun]:
        """Return those reports that are stored, locked until the commit.

        Without the lock, a core that receives a station's agreement to a report, and another one that receives its
        first part, could overwrite each other's changes.
        """
        rows = await self._session.scalars(
            select(ReportRun)
            .where(
                ReportRun.tenant_id == tenant_id,
                ReportRun.kind == kind,
                one_of((ReportRun.station_id, ReportRun.request_id), keys),
            )
            # Sorted, so that two cores can't deadlock.
            .order_by(ReportRun.station_id, ReportRun.request_id)
            .with_for_update()
        )
        return {(row.station_id, row.request_id): row for row in rows}

    async def find_or_add_runs(
        self, tenant_id: str, kind: int, times: dict[RunKey, datetime]
    ) -> dict[RunKey, ReportRun]:
        """Return these reports as `find_runs` does; a new one is stored as created at the given time."""
        found = await self.find_runs(tenant_id, kind, times)
        missing = sorted(times.keys() - found.keys())
        if missing:
            rows = [_new_run(tenant_id, kind, key, times[key]) for key in missing]
            await _ADD_RUNS.execute_mappings(self._session, rows)
            found.update(await self.find_runs(tenant_id, kind, missing))
        return found

    async def find_parts(
        self, tenant_id: str, kind: int, keys: Collection[tuple[str, int, int]]
    ) -> dict[tuple[str, int, int], ReportPart]:
        """Return those parts that are stored, without their messages, by station, request id and number."""
        rows = await self._parts(
            tenant_id, kind, one_of((ReportPart.station_id, ReportPart.request_id, ReportPart.seq_no), keys)
        )
        return {(row.station_id, row.request_id, row.seq_no): row for row in rows}

    async def find_parts_by_content(
        self, tenant_id: str, kind: int, keys: Collection[tuple[str, int, str]]
    ) -> dict[tuple[str, int, str], ReportPart]:
        """Return those parts that are stored, without their messages, by station, request id and content."""
        condition = one_of((ReportPart.station_id, ReportPart.request_id, ReportPart.content_key), keys)
        rows = await self._parts(tenant_id, kind, condition)
        return {(row.station_id, row.request_id, row.content_key): row for row in rows}

    async def parts_of(self, run: ReportRun) -> Sequence[ReportPart]:
        """Return the parts of a report by number, without their messages."""
        condition = and_(ReportPart.station_id == run.station_id, ReportPart.request_id == run.request_id)
        return await self._parts(run.tenant_id, run.kind, condition)

    async def messages_of(self, run: ReportRun) -> Sequence[bytes | None]:
        """Return the messages of a report by number, serialised."""
        query = select(ReportPart.message).where(_same_run(ReportPart, run)).order_by(ReportPart.seq_no)
        return (await self._session.scalars(query)).all()

    async def remove_parts(self, run: ReportRun, *, before: datetime | None = None) -> None:
        """Delete the parts of a report, or those that were received before a time."""
        statement = delete(ReportPart).where(_same_run(ReportPart, run))
        if before is not None:
            statement = statement.where(ReportPart.receive_time < before)
        await self._session.execute(statement)

    async def remove_run(self, run: ReportRun) -> None:
        """Delete a report."""
        await self.remove_parts(run)
        await self._session.delete(run)

    async def get(self, tenant_id: str, station_id: str, kind: int, request_id: int) -> ReportRun:
        """Return a report.

        Raises:
            NotFound: When it was not requested and nothing arrived.
        """
        found = await self._session.get(ReportRun, (tenant_id, station_id, kind, request_id))
        if found is None:
            raise NotFound("report", request_id)
        return found

    async def exists(self, tenant_id: str, station_id: str, kind: int, request_id: int) -> bool:
        """Return whether a request id is in use."""
        return await self._session.get(ReportRun, (tenant_id, station_id, kind, request_id)) is not None

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str | None,
        kind: int | None,
        state: int | None,
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[ReportRun]:
        """Return reports, the latest first.

        Args:
            tenant_id: Of the stations.
            page: Which of them.
            station_id: Only of this one. None: of all.
            kind: Only of this kind. None: of all.
            state: Only in this state. None: in any.
            created: Only those that were created in this time.
            stations: Only of these. None: of all.
        """
        key = (ReportRun.create_time, ReportRun.station_id, ReportRun.request_id, ReportRun.kind)
        query = select(ReportRun).where(ReportRun.tenant_id == tenant_id, *created.of(ReportRun.create_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, ReportRun.station_id, stations))
        for column, wanted in (
            (ReportRun.station_id, station_id),
            (ReportRun.kind, kind),
            (ReportRun.state, state),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        return await page.read(self._session, query, *key, descending=True)

    async def seq_nos(self, runs: Sequence[ReportRun]) -> dict[tuple[str, int, int], SeqNos]:
        """Return the numbers of the parts that arrived of a tenant's reports, in order: by station, kind, request."""
        found: dict[tuple[str, int, int], SeqNos] = {(r.station_id, r.kind, r.request_id): [] for r in runs}
        if not runs:
            return found
        columns = (ReportPart.station_id, ReportPart.kind, ReportPart.request_id)
        rows = await self._session.execute(
            select(*columns, ReportPart.seq_no)
            .where(ReportPart.tenant_id == runs[0].tenant_id, one_of(columns, found.keys()))
            .order_by(*columns, ReportPart.seq_no)
        )
        for station_id, kind, request_id, seq_no in rows:
            found[station_id, kind, request_id].append(seq_no)
        return found

    async def list_parts(self, run: ReportRun, page: Page) -> Listed[ReportPart]:
        """Return the parts of a report with their messages, by number, as many as fit in a page."""
        query = select(ReportPart).options(undefer(ReportPart.message)).where(_same_run(ReportPart, run))
        return await page.read(self._session, query, ReportPart.seq_no)

    @staticmethod
    def silent_since() -> Due:
        """Return the query of the time since which an open report is silent, the longest of all."""
        return select(func.min(ReportRun.active_time)).where(ReportRun.finish_time.is_(None))

    async def find_silent(self, silent: ColumnElement[bool], limit: int) -> Sequence[ReportRun]:
        """Claim open reports that match a condition."""
        rows = await self._session.scalars(
            select(ReportRun)
            .where(ReportRun.state.in_(_OPEN), ReportRun.finish_time.is_(None), silent)
            .order_by(ReportRun.tenant_id, ReportRun.station_id, ReportRun.kind, ReportRun.request_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return rows.all()

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Delete some of the reports without activity since a time; return whether there were any."""
        columns = tuple(_RUNS.c[name] for name in _KEY)
        # All states are listed, because the index begins with the state.
        query = select(*columns).where(_RUNS.c.state.in_(_STATES), _RUNS.c.active_time < time).limit(limit)
        old = (await self._session.execute(query)).all()
        for model in (ReportPart, ReportRun):
            of = (model.tenant_id, model.station_id, model.kind, model.request_id)
            await self._session.execute(delete(model).where(one_of(of, [tuple(row) for row in old])))
        return bool(old)

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove all reports of a station."""
        for model in (ReportPart, ReportRun):
            await self._session.execute(
                delete(model).where(model.tenant_id == tenant_id, model.station_id == station_id)
            )

    async def _parts(self, tenant_id: str, kind: int, condition: ColumnElement[bool]) -> Sequence[ReportPart]:
        rows = await self._session.scalars(
            select(ReportPart)
            .where(ReportPart.tenant_id == tenant_id, ReportPart.kind == kind, condition)
            .order_by(ReportPart.seq_no)
        )
        return rows.all()


def silent_since(gap: datetime, log: datetime, other: datetime) -> ColumnElement[bool]:
    """Return the condition that a report was silent since a time, which depends on its state and kind."""
    is_log = ReportRun.kind == pb.REPORT_KIND_LOG
    return or_(
        and_(ReportRun.state == pb.REPORT_STATE_GAP, ReportRun.active_time < gap),
        and_(is_log, ReportRun.active_time < log),
        and_(~is_log, ReportRun.active_time < other),
    )


def _same_run(model: type[ReportPart], run: ReportRun) -> ColumnElement[bool]:
    """Return the condition that parts belong to a report."""
    return and_(
        model.tenant_id == run.tenant_id,
        model.station_id == run.station_id,
        model.kind == run.kind,
        model.request_id == run.request_id,
    )


def _new_run(tenant_id: str, kind: int, key: RunKey, time: datetime) -> dict[str, object]:
    return {
        **dict.fromkeys(column.name for column in _RUNS.columns),
        "tenant_id": tenant_id,
        "station_id": key[0],
        "kind": kind,
        "request_id": key[1],
        "state": pb.REPORT_STATE_REQUESTED,
        "status": "",
        "problem": "",
        "create_time": time,
        "active_time": time,
        "parts": 0,
        "items": 0,
        "refused_parts": 0,
        "is_whole": False,
    }
