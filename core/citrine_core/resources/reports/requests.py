"""Requests for reports of stations, on behalf of callers."""

import logging
from datetime import UTC, timedelta
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import reports_pb2 as pb
from citrine_core.db import UnitOfWork
from citrine_core.errors import CoreError, DatabaseUnavailable, InvalidArgument, NotFound, Overloaded
from citrine_core.ids import new_request_id
from citrine_core.resources.commands.orders import LONGEST_TIMEOUT, WAITING_TIME
from citrine_core.resources.reports.repository import ReportRepository
from citrine_core.resources.reports.runs import finish, restart
from citrine_core.resources.stations.repository import StationRepository
from citrine_core.rpc import Caller, caller
from citrine_core.services import Services

__all__ = ["ReportRequests"]

logger = logging.getLogger(__name__)

Response = TypeVar("Response", bound=Message)


class ReportRequests:
    """Serves the rpcs that request a report of a station."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def request(
        self,
        context: "grpc.aio.ServicerContext[Any, Response]",
        request: Any,
        response_class: type[Response],
        kind: pb.ReportKind.ValueType,
    ) -> Response:
        """Serve a command rpc whose answer is a report: store the request, then send it.

        If `request.request.request_id` is 0, it is set to an unused one.

        Raises:
            CoreError: As CommandTarget in the contract says.
        """
        command, answer = await self.send(caller(context), request.target, request.request, kind, context=context)
        made: Any = response_class  # has the fields command and response, as every command rpc's
        response: Response = made(command=command, response=answer)
        return response

    async def send(
        self,
        who: Caller,
        target: common.CommandTarget,
        message: Any,
        kind: pb.ReportKind.ValueType,
        *,
        context: "grpc.aio.ServicerContext[Any, Any] | None" = None,
    ) -> tuple[common.Command, Any]:
        """Request a report on behalf of a caller, or of the system; return the command and the answer.

        Args:
            who: The caller.
            target: The station, and options.
            message: The OCPP request. If its request_id is 0, it is set to an unused one.
            kind: Kind of the report.
            context: Context of the rpc, if there is one.

        Raises:
            CoreError: As CommandTarget in the contract says.
        """
        await self._store(who.tenant_id, target, message, kind)
        try:
            return await self._services.commands.send(who, target, message, context=context)
        except CoreError as error:
            await self._not_sent(who.tenant_id, target.station_id, kind, message.request_id, error)
            raise

    async def _store(self, tenant_id: str, target: common.CommandTarget, message: Any, kind: int) -> None:
        if not target.station_id:
            raise InvalidArgument("target.station_id", "must not be empty")
        now = self._clock()
        async with self._unit_of_work() as work:
            if not await StationRepository(work.session).ids_among(tenant_id, [target.station_id]):
                raise NotFound("station", target.station_id)
            if not message.request_id:
                message.request_id = await self._free_id(work, tenant_id, target.station_id, kind)
            reports = ReportRepository(work.session)
            key = (target.station_id, message.request_id)
            run = (await reports.find_or_add_runs(tenant_id, kind, {key: now}))[key]
            await reports.remove_parts(run)
            restart(run, now)
            run.request_time = now
            run.active_time = now + _patience(target, now)
            await work.commit()

    async def _free_id(self, work: UnitOfWork, tenant_id: str, station_id: str, kind: int) -> int:
        request_id = new_request_id()
        while await ReportRepository(work.session).exists(tenant_id, station_id, kind, request_id):
            request_id = new_request_id()
        return request_id

    async def _not_sent(self, tenant_id: str, station_id: str, kind: int, request_id: int, error: CoreError) -> None:
        """End a report without a stored command, or whose command ended unnoticed."""
        try:
            async with self._unit_of_work() as work:
                reports = ReportRepository(work.session)
                run = (await reports.find_runs(tenant_id, kind, [(station_id, request_id)])).get(
                    (station_id, request_id)
                )
                if run is None or run.answer_time or run.parts or run.state != pb.REPORT_STATE_REQUESTED:
                    return
                if isinstance(error, InvalidArgument | NotFound):
                    await reports.remove_run(run)
                else:
                    run.problem = str(error)[:255]
                    finish(work, run, pb.REPORT_STATE_FAILED, self._clock())
                await work.commit()
        except (DatabaseUnavailable, Overloaded):
            logger.warning("a report that was not asked for will expire", extra={"station_id": station_id})


def _patience(target: common.CommandTarget, now: Any) -> timedelta:
    """Return the longest time until the command ends."""
    if not target.when_online:
        return timedelta(seconds=LONGEST_TIMEOUT)
    if not target.HasField("expire_time"):
        return WAITING_TIME
    waiting: timedelta = max(timedelta(0), target.expire_time.ToDatetime(UTC) - now)
    return waiting + timedelta(seconds=LONGEST_TIMEOUT)
