"""Parts of reports: deduplicated by their content, so that a resent part has no effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from google.protobuf.message import Message

from citrine.api.v1 import reports_pb2 as pb
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import content_key
from citrine_core.resources.reports.models import ReportPart, ReportRun
from citrine_core.resources.reports.repository import ReportRepository, RunKey
from citrine_core.resources.reports.runs import EARLY, restart, settle

__all__ = ["Part", "store_parts"]

_PartKey: TypeAlias = tuple[str, int, int | str]
"""Station, request id, and number or content."""


@dataclass(slots=True)
class Part:
    """One message of a report, as a handler passes it."""

    tenant_id: str
    station_id: str
    request_id: int
    seq_no: int | None
    """Its number. None: OCPP has none, so it is numbered by its arrival."""
    is_last: bool
    """True: the station says that it is the last part."""
    items: int
    """Number of variables, monitors or the like in it."""
    message: Message
    """The whole message. Secrets must be masked."""
    receive_time: datetime
    status: str = ""
    """Replaces the status of the station's answer, e.g. by that of an upload. Empty: no change."""
    failed: bool = False
    """With is_last: the report is FAILED, not COMPLETE."""
    problem: str = ""
    """What went wrong, for people. Empty: nothing did."""


async def store_parts(work: UnitOfWork, kind: pb.ReportKind.ValueType, parts: Sequence[Part]) -> list[bool]:
    """Store parts of reports, requested or not, in any order; return False for each duplicate.

    Needs a handful of statements, however many parts there are.

    Args:
        work: A unit of work.
        kind: Kind of the reports.
        parts: Parts of one tenant, in the order of their arrival; either all have numbers or none.
    """
    if not parts:
        return []
    batch = await _Batch.open(work, kind, parts)
    return [await batch.store(part, content) for part, content in zip(parts, batch.contents, strict=True)]


class _Batch:
    """The reports of one tenant with parts in a batch."""

    def __init__(
        self,
        work: UnitOfWork,
        kind: int,
        contents: Sequence[str],
        runs: dict[RunKey, ReportRun],
        stored: dict[_PartKey, ReportPart],
    ) -> None:
        self.contents = contents
        self._work = work
        self._kind = kind
        self._reports = ReportRepository(work.session)
        self._runs = runs
        self._stored = stored

    @classmethod
    async def open(cls, work: UnitOfWork, kind: int, parts: Sequence[Part]) -> "_Batch":
        """Read the stored reports and parts of a batch."""
        reports, tenant_id = ReportRepository(work.session), parts[0].tenant_id
        contents = [content_key(part.message) for part in parts]
        first: dict[RunKey, datetime] = {}
        for part in parts:
            first.setdefault((part.station_id, part.request_id), part.receive_time)
        runs = await reports.find_or_add_runs(tenant_id, kind, first)
        stored: dict[_PartKey, ReportPart] = {}
        numbered = {(part.station_id, part.request_id, part.seq_no) for part in parts if part.seq_no is not None}
        if numbered:
            stored.update((await reports.find_parts(tenant_id, kind, numbered)).items())
        others = {
            (part.station_id, part.request_id, content)
            for part, content in zip(parts, contents, strict=True)
            if part.seq_no is None
        }
        if others:
            stored.update((await reports.find_parts_by_content(tenant_id, kind, others)).items())
        return cls(work, kind, contents, runs, stored)

    async def store(self, part: Part, content: str) -> bool:
        """Store a part; return False for a duplicate."""
        run = self._runs[part.station_id, part.request_id]
        key = (part.station_id, part.request_id, content if part.seq_no is None else part.seq_no)
        stored = self._stored.get(key)
        if stored is not None and stored.content_key == content:
            stored.receive_time = part.receive_time
            if run.finish_time is None:
                run.active_time = part.receive_time
            return False
        if _is_of_another(run, stored, part):
            await self._reports.remove_parts(run)
            self._stored = {of: other for of, other in self._stored.items() if of[:2] != key[:2]}
            stored = None
            _begin_again(run, part.receive_time)
        if stored is None:
            stored = self._add(run, part)
            self._stored[key] = stored
        self._fill(run, stored, part, content)
        settle(
            self._work,
            run,
            part.receive_time,
            news=part.is_last or run.is_complete,
            failed=part.is_last and part.failed,
        )
        return True

    def _add(self, run: ReportRun, part: Part) -> ReportPart:
        seq_no = run.parts if part.seq_no is None else part.seq_no
        if part.seq_no is None:
            # A part after the last one shows that it was not the last.
            run.last_seq_no = None
        stored = ReportPart(
            tenant_id=part.tenant_id,
            station_id=part.station_id,
            kind=self._kind,
            request_id=part.request_id,
            seq_no=seq_no,
            items=0,
        )
        self._reports.add(stored)
        run.parts += 1
        return stored

    def _fill(self, run: ReportRun, stored: ReportPart, part: Part, content: str) -> None:
        run.items += part.items - stored.items
        stored.content_key = content
        stored.items = part.items
        stored.is_last = part.is_last
        stored.receive_time = part.receive_time
        stored.message = part.message.SerializeToString()
        run.start_time = run.start_time or part.receive_time
        run.update_time = part.receive_time
        run.status = part.status[:50] or run.status
        run.problem = part.problem[:255] or run.problem
        if part.is_last:
            run.last_seq_no = stored.seq_no


def _is_of_another(run: ReportRun, stored: ReportPart | None, part: Part) -> bool:
    """Return whether a part that is no duplicate belongs to another report than the stored one."""
    if part.seq_no is None:
        late = run.update_time is not None and part.receive_time > run.update_time + EARLY
        return run.last_seq_no is not None and late
    if stored is not None and part.seq_no == 0:
        return True
    return run.last_seq_no is not None and (stored is not None or part.seq_no > run.last_seq_no)


def _begin_again(run: ReportRun, time: datetime) -> None:
    """Restart a report. One that is still expected remains a requested one."""
    asked = None
    if run.finish_time is None:
        asked = (run.request_time, run.answer_time, run.status, run.command_id, run.is_whole)
    restart(run, time)
    if asked is not None:
        run.request_time, run.answer_time, run.status, run.command_id, run.is_whole = asked
