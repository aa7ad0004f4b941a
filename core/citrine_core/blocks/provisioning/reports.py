"""Which parts of a report arrived: told by their content, so that a part that comes again has no effect.

A request id names one report at a time. People use the same one again, and stations may send a report that nobody
asked for, as far as we know. So a report begins anew when the station agrees to send it, and when a part comes that
can't belong to the one we have.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from citrine.events.v1.events_pb2 import Event, ReportFinished
from citrine.ocpp.v2.provisioning_pb2 import NotifyReportRequest
from citrine_core.blocks.provisioning.models import ReportPart, ReportRun
from citrine_core.blocks.provisioning.repository import PartKey, ReportRepository, RunKey
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, content_key

__all__ = ["ReportBatch", "begin_run"]

EARLY = timedelta(seconds=60)
"""How long before its answer to the request the first part of a report may come."""


class ReportBatch:
    """The reports of one tenant that a batch brings parts of."""

    def __init__(self, work: UnitOfWork, runs: dict[RunKey, ReportRun], parts: dict[PartKey, ReportPart]) -> None:
        self._work = work
        self._reports = ReportRepository(work.session)
        self._runs = runs
        self._parts = parts

    @classmethod
    async def open(cls, work: UnitOfWork, calls: Sequence[Call[NotifyReportRequest]]) -> "ReportBatch":
        """Read what is stored of the reports and parts of a batch, in two statements."""
        reports = ReportRepository(work.session)
        keys = {_part_key(call) for call in calls}
        runs = await reports.find_runs(calls[0].tenant_id, {key[:2] for key in keys})
        return cls(work, runs, await reports.find_parts(calls[0].tenant_id, keys))

    async def take(self, call: Call[NotifyReportRequest]) -> bool:
        """Note a part, and return False for one that came before."""
        message = call.message
        content = content_key(message)
        part = self._parts.get(_part_key(call))
        if part is not None and part.content_key == content:
            part.receive_time = call.receive_time
            return False
        run = await self._run_of(call, part)
        part = self._parts.get(_part_key(call))
        if part is None:
            part = ReportPart(
                tenant_id=call.tenant_id,
                station_id=call.station_id,
                request_id=message.request_id,
                seq_no=message.seq_no,
                variables=0,
            )
            self._parts[_part_key(call)] = part
            self._reports.add(part)
            run.parts += 1
        run.variables += len(message.report_data) - part.variables
        part.content_key = content
        part.variables = len(message.report_data)
        part.is_last = not message.tbc
        part.receive_time = call.receive_time
        run.start_time = run.start_time or call.receive_time
        run.update_time = call.receive_time
        if part.is_last:
            run.last_seq_no = message.seq_no
        if part.is_last or run.is_complete:
            self._work.emit(_finished(run))
        return True

    async def _run_of(self, call: Call[NotifyReportRequest], part: ReportPart | None) -> ReportRun:
        key = _part_key(call)[:2]
        run = self._runs.get(key)
        if run is None:
            run = _new_run(call.tenant_id, key, call.receive_time)
            self._runs[key] = run
            self._reports.add(run)
        elif _is_of_another(run, part, call.message.seq_no):
            await self._reports.remove_parts(call.tenant_id, key)
            self._parts = {of: stored for of, stored in self._parts.items() if of[:2] != key}
            _restart(run, call.receive_time)
        return run


async def begin_run(work: UnitOfWork, answered: Answered[Any, Any], request_id: int) -> None:
    """Expect a report that a station agreed to send.

    The batch may have brought parts that came after the answer: those stay. So do those of a report that nobody
    asked for and that began just now: some stations send before they answer.
    """
    reports = ReportRepository(work.session)
    key = (answered.station_id, request_id)
    run = (await reports.find_runs(answered.tenant_id, [key])).get(key)
    if run is None:
        run = _new_run(answered.tenant_id, key, answered.receive_time)
        reports.add(run)
    elif run.request_time is not None or run.create_time < answered.receive_time - EARLY:
        await reports.remove_parts(answered.tenant_id, key, before=answered.receive_time)
        _restart(run, answered.receive_time)
        for part in await reports.parts_of(answered.tenant_id, key):
            run.parts += 1
            run.variables += part.variables
            run.start_time = min(run.start_time or part.receive_time, part.receive_time)
            run.update_time = max(run.update_time or part.receive_time, part.receive_time)
            if part.is_last:
                run.last_seq_no = part.seq_no
    run.request_time = answered.receive_time


def _part_key(call: Call[NotifyReportRequest]) -> PartKey:
    return call.station_id, call.message.request_id, call.message.seq_no


def _is_of_another(run: ReportRun, part: ReportPart | None, seq_no: int) -> bool:
    """Tell whether a part that is not a repetition is of another report than the one that is stored."""
    if part is not None and seq_no == 0:
        return True
    return run.last_seq_no is not None and (part is not None or seq_no > run.last_seq_no)


def _new_run(tenant_id: str, key: RunKey, time: datetime) -> ReportRun:
    return ReportRun(tenant_id=tenant_id, station_id=key[0], request_id=key[1], create_time=time, parts=0, variables=0)


def _restart(run: ReportRun, time: datetime) -> None:
    run.create_time = time
    run.request_time = run.start_time = run.update_time = run.last_seq_no = None
    run.parts = run.variables = 0


def _finished(run: ReportRun) -> Event:
    finished = ReportFinished(request_id=run.request_id, complete=run.is_complete, variables=run.variables)
    return Event(tenant_id=run.tenant_id, station_id=run.station_id, report_finished=finished)
