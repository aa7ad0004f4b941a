"""RemoteControlService: the gRPC face of functional block F.

It refuses requests that are invalid for any station. It does not check EVSEs, transactions and reservations against
the stored state of the station: the station refuses those that it does not know.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import grpc
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import remote_control_pb2 as pb
from citrine.api.v1 import remote_control_pb2_grpc
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import ChargingProfile, IdToken
from citrine_core.blocks.remote_control.repository import RemoteStartRepository
from citrine_core.blocks.remote_control.starts import change, new_row
from citrine_core.blocks.transactions.queries import find_ends
from citrine_core.blocks.transactions.targets import aim_at_transaction
from citrine_core.errors import CoreError, FailedPrecondition, InvalidArgument, NotFound
from citrine_core.ids import new_request_id
from citrine_core.resources.stations import StationRepository
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.resources.tokens import TokenRepository, check_presented
from citrine_core.resources.usage_limits import NO_LIMIT, Limit
from citrine_core.rpc import (
    caller,
    changed_span,
    check_length,
    check_printable,
    open_page,
    required,
    span_of,
    to_timestamp,
)
from citrine_core.services import Services

__all__ = ["CheckProfile", "RemoteControlServicer"]

_Trigger = ocpp.MessageTriggerEnum
_GROUP_TYPE = "Central"

LONGEST_REFERENCE = 64
"""Most characters of a caller's reference."""


class CheckProfile(Protocol):
    """Refuses a charging profile that is invalid in a RequestStartTransaction (K05)."""

    def __call__(self, profile: ChargingProfile, *, now: datetime, path: str) -> None:
        """Raise InvalidArgument with the path of the invalid field, below `path`."""
        ...


class RemoteControlServicer(remote_control_pb2_grpc.RemoteControlServiceServicer):
    """Serves remote starts, and the commands of functional block F."""

    def __init__(self, services: Services, check_profile: CheckProfile) -> None:
        self._services = services
        self._check_profile = check_profile
        self._commands = services.commands

    async def RequestStartTransaction(
        self,
        request: pb.RequestStartTransactionRequest,
        context: grpc.aio.ServicerContext[pb.RequestStartTransactionRequest, pb.RequestStartTransactionResponse],
    ) -> pb.RequestStartTransactionResponse:
        _check_start(request.request)
        if request.request.HasField("charging_profile"):
            profile = request.request.charging_profile
            self._check_profile(profile, now=self._services.clock(), path="request.charging_profile")
        limit = Limit.read("limit", request.limit) if request.HasField("limit") else NO_LIMIT
        if request.reference:
            check_length("reference", request.reference, LONGEST_REFERENCE)
            check_printable("reference", request.reference)
        tenant_id = caller(context).tenant_id
        await self._record(tenant_id, request, limit)
        try:
            return await self._commands.call(context, request, pb.RequestStartTransactionResponse)
        except CoreError as error:
            await self._fail(tenant_id, request.target.station_id, request.request.remote_start_id, str(error))
            raise

    async def GetRemoteStart(
        self,
        request: pb.GetRemoteStartRequest,
        context: grpc.aio.ServicerContext[pb.GetRemoteStartRequest, pb.RemoteStart],
    ) -> pb.RemoteStart:
        station_id = required("station_id", request.station_id)
        async with self._services.unit_of_work(read_only=True) as work:
            tenant_id = caller(context).tenant_id
            row = await RemoteStartRepository(work.session).find(tenant_id, station_id, request.remote_start_id)
            if row is None:
                raise NotFound("remote start", request.remote_start_id)
            (shown,) = await _to_protos(work.session, tenant_id, [row])
        return shown

    async def ListRemoteStarts(
        self,
        request: pb.ListRemoteStartsRequest,
        context: grpc.aio.ServicerContext[pb.ListRemoteStartsRequest, pb.ListRemoteStartsResponse],
    ) -> pb.ListRemoteStartsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            tenant_id = caller(context).tenant_id
            rows, token = await RemoteStartRepository(work.session).list(
                tenant_id,
                open_page(request),
                station_id=request.station_id,
                state=request.state,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
                changed=changed_span(request),
            )
            shown = await _to_protos(work.session, tenant_id, rows)
        return pb.ListRemoteStartsResponse(remote_starts=shown, next_page_token=token)

    async def RequestStopTransaction(
        self,
        request: pb.RequestStopTransactionRequest,
        context: grpc.aio.ServicerContext[pb.RequestStopTransactionRequest, pb.RequestStopTransactionResponse],
    ) -> pb.RequestStopTransactionResponse:
        transaction_id = required("request.transaction_id", request.request.transaction_id)
        await self._aim(context, request.target, transaction_id)
        return await self._commands.call(context, request, pb.RequestStopTransactionResponse)

    async def UnlockConnector(
        self,
        request: pb.UnlockConnectorRequest,
        context: grpc.aio.ServicerContext[pb.UnlockConnectorRequest, pb.UnlockConnectorResponse],
    ) -> pb.UnlockConnectorResponse:
        if request.transaction_id:
            await self._aim_at_connector(context, request)
        _check_positive("request.evse_id", request.request.evse_id)
        _check_positive("request.connector_id", request.request.connector_id)
        return await self._commands.call(context, request, pb.UnlockConnectorResponse)

    async def TriggerMessage(
        self,
        request: pb.TriggerMessageRequest,
        context: grpc.aio.ServicerContext[pb.TriggerMessageRequest, pb.TriggerMessageResponse],
    ) -> pb.TriggerMessageResponse:
        _check_trigger(request.request)
        return await self._commands.call(context, request, pb.TriggerMessageResponse)

    async def _aim(self, context: Any, target: CommandTarget, transaction_id: str) -> Row[Any] | None:
        return await aim_at_transaction(self._services.unit_of_work, caller(context).tenant_id, target, transaction_id)

    async def _aim_at_connector(self, context: Any, request: pb.UnlockConnectorRequest) -> None:
        """Fill in the connector of a transaction."""
        if request.request.evse_id or request.request.connector_id:
            raise InvalidArgument("request", "must name no connector beside transaction_id")
        row = await self._aim(context, request.target, request.transaction_id)
        if row is None:
            raise NotFound("transaction", request.transaction_id)
        if not row.evse_id or not row.connector_id:
            raise FailedPrecondition("the station did not say at which connector the transaction is")
        request.request.evse_id, request.request.connector_id = row.evse_id, row.connector_id

    async def _record(self, tenant_id: str, asked: pb.RequestStartTransactionRequest, limit: Limit) -> None:
        """Fill in remoteStartId and group if the caller set none, and store the remote start before it is sent."""
        station_id, request = asked.target.station_id, asked.request
        async with self._services.unit_of_work() as work:
            if await StationRepository(work.session).find(tenant_id, station_id) is None:
                raise NotFound("station", station_id)
            if not request.remote_start_id:
                request.remote_start_id = new_request_id()
            if not request.HasField("group_id_token"):
                key = (request.id_token.id_token, request.id_token.type)
                token = (await TokenRepository(work.session).find_all(tenant_id, {key})).get(key)
                if token is not None and token.group_id:
                    # F01.FR.22: without it, the station refuses an EVSE that is reserved for the group.
                    request.group_id_token.CopyFrom(IdToken(id_token=token.group_id, type=_GROUP_TYPE))
            row = new_row(tenant_id, station_id, request, self._services.clock(), limit, asked.reference)
            await RemoteStartRepository(work.session).put_all([row])
            await work.commit()

    async def _fail(self, tenant_id: str, station_id: str, remote_start_id: int, problem: str) -> None:
        """Record that a request can't be sent. RemoteControlHandlers record how sent ones end."""
        now, key = self._services.clock(), (station_id, remote_start_id)
        async with self._services.unit_of_work() as work:
            repository = RemoteStartRepository(work.session)
            row = (await repository.find_for_update(tenant_id, [key])).get(key)
            if row is not None and row["state"] == pb.REMOTE_START_STATE_REQUESTED:
                change(work, row, pb.REMOTE_START_STATE_FAILED, now, problem=problem)
                await repository.put_all([row])
                await work.commit()


def _check_start(request: ocpp.RequestStartTransactionRequest) -> None:
    if not request.HasField("id_token"):
        raise InvalidArgument("request.id_token", "must be given")
    check_presented("request.id_token", request.id_token)
    if request.HasField("evse_id"):
        _check_positive("request.evse_id", request.evse_id)


def _check_trigger(request: ocpp.TriggerMessageRequest) -> None:
    if not request.requested_message:
        raise InvalidArgument("request.requested_message", "must be given")
    if request.HasField("evse") and request.evse.id < 0:
        raise InvalidArgument("request.evse.id", "must not be negative")
    if request.requested_message == _Trigger.MESSAGE_TRIGGER_ENUM_STATUS_NOTIFICATION:
        # F06.FR.13: a StatusNotification is about one connector.
        _check_positive("request.evse.id", request.evse.id)
        _check_positive("request.evse.connector_id", request.evse.connector_id)
    if request.requested_message == _Trigger.MESSAGE_TRIGGER_ENUM_CUSTOM_TRIGGER:
        required("request.custom_trigger", request.custom_trigger)


def _check_positive(field: str, value: int) -> None:
    if value <= 0:
        raise InvalidArgument(field, "must be given and more than 0")


async def _to_protos(session: AsyncSession, tenant_id: str, rows: Sequence[Row[Any]]) -> list[pb.RemoteStart]:
    """Return remote starts with the ends of their transactions."""
    keys = {(row.station_id, row.transaction_id) for row in rows if row.transaction_id}
    ends = await find_ends(session, tenant_id, keys)
    return [_to_proto(row, ends.get((row.station_id, row.transaction_id))) for row in rows]


def _to_proto(row: Row[Any], transaction: Row[Any] | None) -> pb.RemoteStart:
    group = None
    if row.group_id_token is not None:
        group = IdToken(id_token=row.group_id_token, type=row.group_id_token_type)
    return pb.RemoteStart(
        station_id=row.station_id,
        remote_start_id=row.remote_start_id,
        state=row.state,
        id_token=IdToken(id_token=row.id_token, type=row.id_token_type),
        group_id_token=group,
        evse_id=row.evse_id,
        charging_profile_id=row.charging_profile_id,
        transaction_id=row.transaction_id,
        command_id=row.command_id,
        reference=row.reference,
        problem=row.problem,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
        limit=Limit.of(row).to_proto(),
        transaction_end_time=transaction.end_time if transaction is not None else None,
        stopped_reason=transaction.stopped_reason if transaction is not None else None,
        token_status=transaction.id_token_status if transaction is not None else None,
    )
