"""ReportsService."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias

import grpc

from citrine.api.v1 import reports_pb2 as pb
from citrine.api.v1.reports_pb2_grpc import ReportsServiceServicer
from citrine_core.db import UnitOfWork
from citrine_core.errors import InvalidArgument
from citrine_core.events import EventFeed, OutboxRepository
from citrine_core.resources.reports.models import ReportRun
from citrine_core.resources.reports.protos import part_to_proto, run_to_proto
from citrine_core.resources.reports.repository import ReportRepository
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, open_page, span_of
from citrine_core.services import Services

__all__ = ["ReportsServicer"]

LOOK_INTERVAL = 1.0
"""Seconds between queries of a watched report; an event of its end causes one at once."""

SHORTEST_INTERVAL = 0.2
"""Shortest pause between such queries, in seconds."""

MAX_PARTS = 50
"""Largest number of parts in a page."""

_Named: TypeAlias = pb.GetReportRunRequest | pb.WatchReportRunRequest | pb.ListReportPartsRequest


class ReportsServicer(ReportsServiceServicer):
    """Shows reports.

    Args:
        services: What the composition root hands out.
        feed: Wakes watchers when a report may have ended.
    """

    def __init__(self, services: Services, feed: EventFeed) -> None:
        self._unit_of_work = services.unit_of_work
        self._feed = feed

    async def GetReportRun(
        self,
        request: pb.GetReportRunRequest,
        context: "grpc.aio.ServicerContext[pb.GetReportRunRequest, pb.ReportRun]",
    ) -> pb.ReportRun:
        _check(request)
        return await self._get(caller(context).tenant_id, request)

    async def ListReportRuns(
        self,
        request: pb.ListReportRunsRequest,
        context: "grpc.aio.ServicerContext[pb.ListReportRunsRequest, pb.ListReportRunsResponse]",
    ) -> pb.ListReportRunsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await ReportRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id or None,
                kind=request.kind or None,
                state=request.state or None,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
            )
            runs = await _shown(work, rows)
        return pb.ListReportRunsResponse(report_runs=runs, next_page_token=token)

    async def WatchReportRun(
        self,
        request: pb.WatchReportRunRequest,
        context: "grpc.aio.ServicerContext[pb.WatchReportRunRequest, pb.ReportRun]",
    ) -> AsyncIterator[pb.ReportRun]:
        _check(request)
        tenant_id = caller(context).tenant_id
        shown = pb.ReportRun()
        async with self._unit_of_work(read_only=True) as work:
            head = await OutboxRepository(work.session).head()
        with self._feed.subscription(tenant_id, head) as subscription:
            while not shown.HasField("finish_time"):
                run = await self._get(tenant_id, request)
                if run != shown:
                    yield run
                    shown = run
                else:
                    await asyncio.sleep(SHORTEST_INTERVAL)
                    await subscription.wait(LOOK_INTERVAL)

    async def ListReportParts(
        self,
        request: pb.ListReportPartsRequest,
        context: "grpc.aio.ServicerContext[pb.ListReportPartsRequest, pb.ListReportPartsResponse]",
    ) -> pb.ListReportPartsResponse:
        _check(request)
        page = open_page(request, most=MAX_PARTS)
        async with self._unit_of_work(read_only=True) as work:
            reports = ReportRepository(work.session)
            run = await reports.get(caller(context).tenant_id, request.station_id, request.kind, request.request_id)
            rows, token = await reports.list_parts(run, page)
        return pb.ListReportPartsResponse(parts=map(part_to_proto, rows), next_page_token=token)

    async def _get(self, tenant_id: str, request: _Named) -> pb.ReportRun:
        async with self._unit_of_work(read_only=True) as work:
            run = await ReportRepository(work.session).get(
                tenant_id, request.station_id, request.kind, request.request_id
            )
            (shown,) = await _shown(work, [run])
        return shown


def _check(request: _Named) -> None:
    if not request.station_id:
        raise InvalidArgument("station_id", "must not be empty")
    if not request.kind:
        raise InvalidArgument("kind", "must be said")


async def _shown(work: UnitOfWork, runs: Sequence[ReportRun]) -> list[pb.ReportRun]:
    arrived = await ReportRepository(work.session).seq_nos(runs)
    return [run_to_proto(run, arrived[run.station_id, run.kind, run.request_id]) for run in runs]
