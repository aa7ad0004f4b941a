"""The life of a report: requested, agreed to, refused, failed, received, expired.

A request id identifies one report of a kind at a time. People reuse ids, and stations may send a report without a known
request. A report is therefore restarted when it is requested, when the station agrees to one that was requested by
other means, and when a part arrives that can't belong to the stored one.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from citrine.api.v1 import reports_pb2 as pb
from citrine.api.v1.reports_pb2 import ReportKind, ReportState
from citrine.events.v1.events_pb2 import Event, ReportFinished
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Failed
from citrine_core.resources.reports.models import ReportRun
from citrine_core.resources.reports.repository import ReportRepository

__all__ = ["EARLY", "end_run", "finish", "part_refused", "report_answered", "report_failed", "restart", "settle"]

_UNNUMBERED = frozenset(
    {pb.REPORT_KIND_CHARGING_PROFILES, pb.REPORT_KIND_DISPLAY_MESSAGES, pb.REPORT_KIND_LOG},
)
"""Kinds whose parts OCPP does not number, so that a missing part is not detected."""

EARLY = timedelta(seconds=60)
"""How long before the answer to the request the first part of a report may arrive."""


async def report_answered(
    work: UnitOfWork,
    answered: Answered[Any, Any],
    kind: pb.ReportKind.ValueType,
    request_id: int,
    accepted: bool,
    status: str,
    *,
    is_whole: bool = False,
) -> ReportRun | None:
    """Store a station's answer to the request of a report: it will be sent, or it is REFUSED.

    To be called from `@handles_answer`. Parts that arrived since the answer are retained, if the request was not made
    by `ReportRequests`. So are those of an unrequested report that began just now: some stations send before they
    answer.

    Args:
        work: The transaction that stores the answer.
        answered: The answer.
        kind: Kind of the report.
        request_id: Id of the request.
        accepted: Whether parts will be sent.
        status: Status of the answer, in OCPP's spelling.
        is_whole: Whether the report is exhaustive for its kind.

    Returns:
        The report. None: no report of the answer is known.
    """
    reports = ReportRepository(work.session)
    key, time = (answered.station_id, request_id), answered.receive_time
    known = await reports.find_runs(answered.tenant_id, kind, [key])
    run = known.get(key) or (await reports.find_or_add_runs(answered.tenant_id, kind, {key: time}))[key]
    if not _waits_for_answer(run):
        if not accepted and known:
            # Another report has this id, and is not replaced.
            return None
        if known and (run.request_time is not None or run.create_time < time - EARLY):
            await _begin_anew(reports, run, time)
        run.request_time = time
    run.answer_time, run.status, run.command_id = time, status[:50], answered.command_id
    run.is_whole = is_whole and accepted
    if not accepted and not run.parts:
        finish(work, run, pb.REPORT_STATE_REFUSED, time)
    elif run.finish_time is None:
        run.active_time = max(time, run.update_time or time)
    return run


async def report_failed(work: UnitOfWork, failed: Failed[Any], kind: pb.ReportKind.ValueType, request_id: int) -> None:
    """Store that the request of a report ended without an answer: the report is FAILED, unless parts arrived.

    To be called from `@handles_failure`.
    """
    key = (failed.station_id, request_id)
    run = (await ReportRepository(work.session).find_runs(failed.tenant_id, kind, [key])).get(key)
    if run is None or not _waits_for_answer(run):
        return
    run.command_id = failed.command_id
    run.problem = (failed.text or failed.code)[:255]
    if not run.parts:
        finish(work, run, pb.REPORT_STATE_FAILED, failed.time)
    elif run.finish_time is None:
        run.active_time = failed.time


async def end_run(
    work: UnitOfWork,
    tenant_id: str,
    station_id: str,
    kind: pb.ReportKind.ValueType,
    request_id: int,
    state: pb.ReportState.ValueType,
    time: datetime,
    *,
    status: str = "",
    problem: str = "",
) -> bool:
    """End a report from outside, e.g. a log whose upload was replaced; return False if it had already ended.

    Args:
        work: A transaction.
        tenant_id: Of the station.
        station_id: The station.
        kind: Kind of the report.
        request_id: Id of its request.
        state: COMPLETE, REFUSED, FAILED or EXPIRED.
        time: Time of the end.
        status: Replaces the status of the station's answer. Empty: no change.
        problem: What went wrong, for people.
    """
    key = (station_id, request_id)
    run = (await ReportRepository(work.session).find_runs(tenant_id, kind, [key])).get(key)
    if run is None or run.finish_time is not None:
        return False
    run.status, run.problem = (status or run.status)[:50], problem[:255]
    finish(work, run, state, time)
    return True


def finish(work: UnitOfWork, run: ReportRun, state: pb.ReportState.ValueType, time: datetime) -> None:
    """Set the final state of a report, and emit its event."""
    run.state, run.finish_time = state, time
    _publish(work, run)


def settle(work: UnitOfWork, run: ReportRun, time: datetime, *, news: bool, failed: bool = False) -> None:
    """Set the state of a report by the parts that arrived.

    Args:
        work: A transaction.
        run: The report.
        time: When the latest part arrived.
        news: Whether a new part arrived, so that an event is due once the last one is there.
        failed: Whether the last part reports a failure.
    """
    if run.refused_parts and (run.kind in _UNNUMBERED or not run.is_complete):
        # It ended when a part of it was refused, and its event was emitted then.
        run.active_time = time
        return
    run.active_time, run.finish_time = time, None
    if run.last_seq_no is None:
        run.state = pb.REPORT_STATE_RECEIVING if run.parts else pb.REPORT_STATE_REQUESTED
        return
    run.state = pb.REPORT_STATE_GAP
    if run.is_complete:
        run.state = pb.REPORT_STATE_FAILED if failed else pb.REPORT_STATE_COMPLETE
        run.finish_time = time
        if run.refused_parts and not failed:
            # The station resent it, valid this time.
            run.refused_parts, run.problem = 0, ""
    if news:
        _publish(work, run)


async def part_refused(
    work: UnitOfWork,
    tenant_id: str,
    station_id: str,
    kind: pb.ReportKind.ValueType,
    request_ids: Collection[int],
    problem: str,
    time: datetime,
) -> None:
    """End reports with refused parts as FAILED: they can't be complete, unless those parts are resent.

    Args:
        work: A transaction.
        tenant_id: Of the station.
        station_id: The station.
        kind: Kind of the reports.
        request_ids: Ids of their requests. Unknown and ended ones are ignored.
        problem: Why the parts were refused.
        time: Time of the refusal.
    """
    keys = [(station_id, request_id) for request_id in request_ids]
    for run in (await ReportRepository(work.session).find_runs(tenant_id, kind, keys)).values():
        if run.finish_time is None:
            run.refused_parts += 1
            run.problem = f"a part of it was refused: {problem}"[:255]
            finish(work, run, pb.REPORT_STATE_FAILED, time)


def restart(run: ReportRun, time: datetime) -> None:
    """Restart a report, without parts and as an unrequested one."""
    run.create_time = run.active_time = time
    run.request_time = run.answer_time = run.start_time = run.update_time = run.finish_time = None
    run.last_seq_no = run.command_id = None
    run.state = pb.REPORT_STATE_REQUESTED
    run.status = run.problem = ""
    run.parts = run.items = run.refused_parts = 0
    run.is_whole = False


def _waits_for_answer(run: ReportRun) -> bool:
    return run.request_time is not None and run.answer_time is None


async def _begin_anew(reports: ReportRepository, run: ReportRun, time: datetime) -> None:
    """Restart a report with the parts that arrived since a time."""
    await reports.remove_parts(run, before=time)
    restart(run, time)
    for part in await reports.parts_of(run):
        run.parts += 1
        run.items += part.items
        run.start_time = min(run.start_time or part.receive_time, part.receive_time)
        run.update_time = max(run.update_time or part.receive_time, part.receive_time)
        if part.is_last:
            run.last_seq_no = part.seq_no
    if run.parts:
        run.state = pb.REPORT_STATE_RECEIVING
    if run.last_seq_no is not None:
        run.state = pb.REPORT_STATE_COMPLETE if run.is_complete else pb.REPORT_STATE_GAP
        run.finish_time = run.update_time if run.is_complete else None


def _publish(work: UnitOfWork, run: ReportRun) -> None:
    finished = ReportFinished(
        request_id=run.request_id,
        complete=run.state == pb.REPORT_STATE_COMPLETE,
        items=run.items,
        kind=ReportKind.ValueType(run.kind),
        state=ReportState.ValueType(run.state),
    )
    work.emit(Event(tenant_id=run.tenant_id, station_id=run.station_id, report_finished=finished))
