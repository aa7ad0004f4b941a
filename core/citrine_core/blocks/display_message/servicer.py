"""DisplayMessageService: the gRPC face of functional block O."""

from datetime import UTC, datetime, timedelta

import grpc

from citrine.api.v1 import display_message_pb2 as pb
from citrine.api.v1 import display_message_pb2_grpc
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import display_message_pb2 as ocpp
from citrine_core.blocks.display_message.models import DisplayMessage
from citrine_core.blocks.display_message.record import change, enter, new_row
from citrine_core.blocks.display_message.repository import DisplayMessageRepository
from citrine_core.errors import CoreError, InvalidArgument, NotFound
from citrine_core.resources.reports import ReportKind, ReportRequests
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, check_length, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["DisplayMessageServicer"]

LONGEST_TIMEOUT = timedelta(minutes=11)
"""Longest time from sending a command until its end is stored."""

LONGEST_WAIT = timedelta(days=3650)
"""Longest wait of a command for its station that the deadline of a message covers."""

LONGEST_TRANSACTION_ID = 36
"""Most characters of a transactionId."""

WAITING_TIME = timedelta(hours=24)
"""How long a command waits for an offline station by default."""

_REQUESTED = pb.DisplayMessageState.DISPLAY_MESSAGE_STATE_REQUESTED
_FAILED = pb.DisplayMessageState.DISPLAY_MESSAGE_STATE_FAILED


class DisplayMessageServicer(display_message_pb2_grpc.DisplayMessageServiceServicer):
    """Serves display messages, and the commands that set, report and clear them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reports = ReportRequests(services)

    async def SetDisplayMessage(
        self,
        request: pb.SetDisplayMessageRequest,
        context: grpc.aio.ServicerContext[pb.SetDisplayMessageRequest, pb.SetDisplayMessageResponse],
    ) -> pb.SetDisplayMessageResponse:
        tenant_id, station_id = caller(context).tenant_id, required("target.station_id", request.target.station_id)
        message = request.request.message
        await self._record_request(tenant_id, request.target, message)
        try:
            response = await self._services.commands.call(context, request, pb.SetDisplayMessageResponse)
        except (InvalidArgument, NotFound) as error:
            # If it was refused before a command was stored, no handler records the failure.
            await self._give_back(tenant_id, station_id, message.id, error)
            raise
        response.display_message.CopyFrom(await self._find(tenant_id, station_id, message.id, latest=True))
        return response

    async def GetDisplayMessages(
        self,
        request: pb.GetDisplayMessagesRequest,
        context: grpc.aio.ServicerContext[pb.GetDisplayMessagesRequest, pb.GetDisplayMessagesResponse],
    ) -> pb.GetDisplayMessagesResponse:
        return await self._reports.request(
            context, request, pb.GetDisplayMessagesResponse, ReportKind.REPORT_KIND_DISPLAY_MESSAGES
        )

    async def ClearDisplayMessage(
        self,
        request: pb.ClearDisplayMessageRequest,
        context: grpc.aio.ServicerContext[pb.ClearDisplayMessageRequest, pb.ClearDisplayMessageResponse],
    ) -> pb.ClearDisplayMessageResponse:
        return await self._services.commands.call(context, request, pb.ClearDisplayMessageResponse)

    async def GetDisplayMessage(
        self,
        request: pb.GetDisplayMessageRequest,
        context: grpc.aio.ServicerContext[pb.GetDisplayMessageRequest, pb.DisplayMessage],
    ) -> pb.DisplayMessage:
        station_id = required("station_id", request.station_id)
        return await self._find(caller(context).tenant_id, station_id, request.message_id)

    async def ListDisplayMessages(
        self,
        request: pb.ListDisplayMessagesRequest,
        context: grpc.aio.ServicerContext[pb.ListDisplayMessagesRequest, pb.ListDisplayMessagesResponse],
    ) -> pb.ListDisplayMessagesResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await DisplayMessageRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                state=request.state,
                created=span_of(request.create_time),
                transaction_id=request.transaction_id,
                priority=request.priority if request.HasField("priority") else None,
                shown_in=request.shown_in if request.HasField("shown_in") else None,
                stations=checked_selector(request.stations),
            )
        return pb.ListDisplayMessagesResponse(display_messages=[to_proto(row) for row in rows], next_page_token=token)

    async def _record_request(self, tenant_id: str, target: CommandTarget, message: ocpp.MessageInfo) -> None:
        """Record a message as requested; a missing id is set."""
        now = self._services.clock()
        _check(message, now)
        async with self._services.unit_of_work() as work:
            repository, station_id = DisplayMessageRepository(work.session), target.station_id
            message.id = await repository.claim_id(tenant_id, station_id, message.id)
            row = new_row(tenant_id, station_id, message, _REQUESTED, now)
            row.deadline_time = _waits_until(target, now) + LONGEST_TIMEOUT
            enter(work, row)
            await work.commit()

    async def _give_back(self, tenant_id: str, station_id: str, message_id: int, error: CoreError) -> None:
        """Record that a message was refused before it was sent, if its state is still REQUESTED."""
        now = self._services.clock()
        async with self._services.unit_of_work() as work:
            rows = await DisplayMessageRepository(work.session).find_live_for_update(tenant_id, [station_id])
            for row in rows[station_id]:
                if row.message_id == message_id and row.state == _REQUESTED:
                    change(work, row, _FAILED, time=now, now=now, detail=str(error))
            await work.commit()

    async def _find(
        self, tenant_id: str, station_id: str, message_id: int, *, latest: bool = False
    ) -> pb.DisplayMessage:
        async with self._services.unit_of_work(read_only=True) as work:
            found = DisplayMessageRepository(work.session).get(tenant_id, station_id, message_id, latest=latest)
            return to_proto(await found)


def to_proto(row: DisplayMessage) -> pb.DisplayMessage:
    """Return a display message as the API shows it."""
    shown = pb.DisplayMessage(
        tenant_id=row.tenant_id,
        station_id=row.station_id,
        message=ocpp.MessageInfo.FromString(row.message),
        state=row.state,  # type: ignore[arg-type]  # stored as the number
        status=row.status,  # type: ignore[arg-type]  # stored as the number
        detail=row.detail,
    )
    shown.state_time.FromDatetime(row.state_time)
    shown.create_time.FromDatetime(row.create_time)
    shown.update_time.FromDatetime(row.update_time)
    if row.report_time is not None:
        shown.report_time.FromDatetime(row.report_time)
    return shown


def _check(message: ocpp.MessageInfo, now: datetime) -> None:
    if message.id < 0:
        raise InvalidArgument("request.message.id", "must not be negative")
    required("request.message.message.content", message.message.content)
    check_length("request.message.transaction_id", message.transaction_id, LONGEST_TRANSACTION_ID)
    if not message.HasField("end_date_time"):
        return
    end = message.end_date_time.ToDatetime(UTC)
    if end <= now:
        raise InvalidArgument("request.message.end_date_time", "must be in the future")
    if message.HasField("start_date_time") and end <= message.start_date_time.ToDatetime(UTC):
        raise InvalidArgument("request.message.end_date_time", "must be after start_date_time")


def _waits_until(target: CommandTarget, now: datetime) -> datetime:
    if not target.when_online:
        return now
    if not target.HasField("expire_time"):
        return now + WAITING_TIME
    return min(target.expire_time.ToDatetime(UTC), now + LONGEST_WAIT)
