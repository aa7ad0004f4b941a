"""What becomes of a report: asked for, agreed to, refused, failed, received, expired.

A request id names one report of a kind at a time. People use the same one again, and stations may send a report that
nobody asked for, as far as we know. So a report begins anew when it is asked for, when the station agrees to one that
was asked for by other ways, and when a part comes that can't belong to the one we have.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from citrine.api.v1 import reports_pb2 as pb
from citrine.events.v1.events_pb2 import Event, ReportFinished
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Failed
from citrine_core.resources.reports.models import ReportRun
from citrine_core.resources.reports.repository import ReportRepository

__all__ = ["EARLY", "end_run", "finish", "part_refused", "report_answered", "report_failed", "restart", "settle"]

_UNNUMBERED = frozenset(
    {pb.REPORT_KIND_CHARGING_PROFILES, pb.REPORT_KIND_DISPLAY_MESSAGES, pb.REPORT_KIND_LOG},
)
"""Kinds whose parts OCPP does not number, so that a missing one is not seen."""

EARLY = timedelta(seconds=60)
"""How long before its answer to the request the first part of a report may come."""


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
    """Note what a station answered to the request of a report: it will come, or it is REFUSED.

    Meant for `@handles_answer`. Of a request that did not go by `ReportRequests`, the batch may have brought parts
    that came after the answer: those stay. So do those of a report that nobody asked for and that began just now:
    some stations send before they answer.

    Args:
        work: The transaction that stores the answer.
        answered: The answer.
        kind: What was asked for.
        request_id: Of the request.
        accepted: True: parts will come.
        status: Of the answer, in OCPP's spelling.
        is_whole: The report tells all that there is of its kind.

    Returns:
        The report. None where the answer is of none that we know.
    """
    reports = ReportRepository(work.session)
    key, time = (answered.station_id, request_id), answered.receive_time
    known = await reports.find_runs(answered.tenant_id, kind, [key])
    run = known.get(key) or (await reports.find_or_add_runs(answered.tenant_id, kind, {key: time}))[key]
    if not _waits_for_answer(run):
        if not accepted and known:
            # Another report of this id is there, and none comes in its place.
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
    """Note that the request of a report ended without an answer: the report is FAILED, unless parts of it came.

    Meant for `@handles_failure`.
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
    """End a report from outside, e.g. a log whose upload made room for another; return False where it had ended.

    Args:
        work: A transaction.
        tenant_id: Of the station.
        station_id: The station.
        kind: What it tells.
        request_id: Of its request.
        state: COMPLETE, REFUSED, FAILED or EXPIRED.
        time: When.
        status: Replaces the status of the station's answer. Empty: leaves it.
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
    """Let a report reach a state in which nothing more is expected of it, and tell it by an event."""
    run.state, run.finish_time = state, time
    _publish(work, run)


def settle(work: UnitOfWork, run: ReportRun, time: datetime, *, news: bool, failed: bool = False) -> None:
    """Set the state of a report by the parts that arrived.

    Args:
        work: A transaction.
        run: The report.
        time: When the latest part arrived.
        news: A part arrived of which the others should hear if the last one is there.
        failed: The last part says that it failed.
    """
    if run.refused_parts and (run.kind in _UNNUMBERED or not run.is_complete):
        # It ended when a part of it was refused, and was told then.
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
            # The station sent it again, and right.
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
    """End reports as FAILED of which we refused parts: they can't be complete any more, unless these come again.

    Args:
        work: A transaction.
        tenant_id: Of the station.
        station_id: The station.
        kind: What they tell.
        request_ids: Of their requests; of those that are not known, or have ended, nothing is noted.
        problem: Why the parts were refused.
        time: When.
    """
    keys = [(station_id, request_id) for request_id in request_ids]
    for run in (await ReportRepository(work.session).find_runs(tenant_id, kind, keys)).values():
        if run.finish_time is None:
            run.refused_parts += 1
            run.problem = f"a part of it was refused: {problem}"[:255]
            finish(work, run, pb.REPORT_STATE_FAILED, time)


def restart(run: ReportRun, time: datetime) -> None:
    """Let a report begin anew, without parts and as one that nobody asked for."""
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
    """Let a report begin anew with the parts that arrived since a time."""
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
        kind=_word(pb.ReportKind.Name(pb.ReportKind.ValueType(run.kind)), "REPORT_KIND_"),
        state=_word(pb.ReportState.Name(pb.ReportState.ValueType(run.state)), "REPORT_STATE_"),
    )
    work.emit(Event(tenant_id=run.tenant_id, station_id=run.station_id, report_finished=finished))


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix)
