"""CommandsService."""

import asyncio
from collections.abc import Mapping
from typing import TypeAlias

import grpc

from citrine.api.v1 import commands_pb2 as pb
from citrine.api.v1 import common_pb2 as common
from citrine.api.v1.commands_pb2_grpc import CommandsServiceServicer
from citrine.ocpp.actions import ACTIONS, Action
from citrine.ocpp.codec import CodecError, decode, encode
from citrine_core.errors import FailedPrecondition, InvalidArgument, NotFound
from citrine_core.resources.commands.outcomes import CANCELLED
from citrine_core.resources.commands.protos import from_struct, json_to_struct, to_proto
from citrine_core.resources.commands.repository import CommandRepository, StoredCommand
from citrine_core.resources.commands.typed_calls import TypedCalls
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, open_page, span_of
from citrine_core.services import Services

__all__ = ["CommandsServicer"]

CANCEL_TIME = 3.0
"""Seconds that an edge has to report whether it dropped a command."""

CANCEL_POLL = 0.05

NATIVE = "calls:native"
"""Scope for what no rpc of its own sends."""

ListContext: TypeAlias = "grpc.aio.ServicerContext[pb.ListCommandsRequest, pb.ListCommandsResponse]"
CallContext: TypeAlias = "grpc.aio.ServicerContext[pb.CallStationRequest, pb.CallStationResponse]"


class CommandsServicer(CommandsServiceServicer):
    """Shows commands, and sends any of them.

    Args:
        services: The services of the core.
        scopes: The scopes that rpcs need, by their names, which are those of the actions that they send.
        typed: The rpcs that send an action each.
    """

    def __init__(self, services: Services, scopes: Mapping[str, str], typed: TypedCalls) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._commands = services.commands
        self._typed = typed
        self._scopes = scopes

    async def GetCommand(
        self, request: pb.GetCommandRequest, context: "grpc.aio.ServicerContext[pb.GetCommandRequest, common.Command]"
    ) -> common.Command:
        return to_proto(await self._get(caller(context).tenant_id, request.command_id))

    async def ListCommands(self, request: pb.ListCommandsRequest, context: ListContext) -> pb.ListCommandsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await CommandRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id or None,
                state=request.state or None,
                prefix=request.command_id_prefix,
                action=request.action,
                requested_by=request.requested_by,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListCommandsResponse(commands=map(to_proto, rows), next_page_token=token)

    async def CancelCommand(
        self,
        request: pb.CancelCommandRequest,
        context: "grpc.aio.ServicerContext[pb.CancelCommandRequest, common.Command]",
    ) -> common.Command:
        tenant_id = caller(context).tenant_id
        row = await self._get(tenant_id, request.command_id)
        if row.state == common.COMMAND_STATE_QUEUED and not await self._cancel_waiting(row):
            await self._cancel_at_edge(row)
        row = await self._get(tenant_id, request.command_id)
        if row.state != common.COMMAND_STATE_CANCELLED:
            raise FailedPrecondition("the command is past the point where it can be cancelled")
        return to_proto(row)

    async def CallStation(self, request: pb.CallStationRequest, context: CallContext) -> pb.CallStationResponse:
        who, payload = caller(context), from_struct(request.payload)
        if not request.action or len(request.action) > 50:
            raise InvalidArgument("action", "must have 1 to 50 characters")
        who.check_scope(NATIVE if request.native else self._scopes.get(request.action, NATIVE))
        if request.native:
            command, answer = await self._commands.send_native(
                who, request.target, request.action, payload, context=context
            )
        else:
            try:
                message = decode(_action(request.action).request, payload)
            except CodecError as error:
                raise InvalidArgument("payload" + error.path.replace("/", "."), error.problem) from error
            sent = await self._typed.call(request.target, message, context)
            if sent is None:
                sent = await self._commands.send(who, request.target, message, context=context, payload_field="payload")
            command, response = sent
            answer = None if response is None else encode(response)
        return pb.CallStationResponse(command=command, payload=None if answer is None else json_to_struct(answer))

    async def _get(self, tenant_id: str, command_id: str) -> StoredCommand:
        if not command_id:
            raise InvalidArgument("command_id", "must not be empty")
        async with self._unit_of_work(read_only=True) as work:
            row = await CommandRepository(work.session).find(tenant_id, command_id)
        if row is None:
            raise NotFound("command", command_id)
        return row

    async def _cancel_waiting(self, row: StoredCommand) -> bool:
        async with self._unit_of_work() as work:
            repository = CommandRepository(work.session)
            now = self._clock()
            cancelled = await repository.cancel_waiting(row.tenant_id, row.command_id, now)
            if cancelled:
                await self._commands.ends.failed(work, row, CANCELLED, now)
            await work.commit()
        return cancelled

    async def _cancel_at_edge(self, row: StoredCommand) -> None:
        """Make the edge drop the command, and wait for its end.

        That somebody wants so is stored before: an edge withdraws the commands of a core that stops, too.
        """
        async with self._unit_of_work() as work:
            await CommandRepository(work.session).note_cancel(row.tenant_id, row.command_id, self._clock())
            await work.commit(at_once=True)
        if not await self._commands.cancel_by_id(row.tenant_id, row.station_id, row.command_id):
            return
        deadline = asyncio.get_running_loop().time() + CANCEL_TIME
        while asyncio.get_running_loop().time() < deadline:
            current = await self._get(row.tenant_id, row.command_id)
            if current.state != common.COMMAND_STATE_QUEUED:
                return
            await asyncio.sleep(CANCEL_POLL)


def _action(name: str) -> Action:
    action = ACTIONS.get(name)
    if action is None:
        raise InvalidArgument("action", f"{name} is not an action of OCPP 2.1")
    if not action.from_csms or action.response is None:
        raise InvalidArgument("action", f"{name} is not sent by a CSMS")
    return action
