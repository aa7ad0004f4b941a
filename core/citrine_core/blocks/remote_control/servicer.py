"""RemoteControlService: the gRPC face of functional block F.

Nothing is checked against what we believe of the station: an EVSE, a transaction or a reservation that is unknown
here is the station's to refuse. The remoteStartId is the caller's, who finds the transaction by it (F01.FR.25).
"""

import grpc

from citrine.api.v1 import remote_control_pb2 as pb
from citrine.api.v1 import remote_control_pb2_grpc
from citrine_core.services import Services

__all__ = ["RemoteControlServicer"]


class RemoteControlServicer(remote_control_pb2_grpc.RemoteControlServiceServicer):
    """Commands of functional block F."""

    def __init__(self, services: Services) -> None:
        self._commands = services.commands

    async def RequestStartTransaction(
        self,
        request: pb.RequestStartTransactionRequest,
        context: grpc.aio.ServicerContext[pb.RequestStartTransactionRequest, pb.RequestStartTransactionResponse],
    ) -> pb.RequestStartTransactionResponse:
        return await self._commands.call(context, request, pb.RequestStartTransactionResponse)

    async def RequestStopTransaction(
        self,
        request: pb.RequestStopTransactionRequest,
        context: grpc.aio.ServicerContext[pb.RequestStopTransactionRequest, pb.RequestStopTransactionResponse],
    ) -> pb.RequestStopTransactionResponse:
        return await self._commands.call(context, request, pb.RequestStopTransactionResponse)

    async def UnlockConnector(
        self,
        request: pb.UnlockConnectorRequest,
        context: grpc.aio.ServicerContext[pb.UnlockConnectorRequest, pb.UnlockConnectorResponse],
    ) -> pb.UnlockConnectorResponse:
        return await self._commands.call(context, request, pb.UnlockConnectorResponse)

    async def TriggerMessage(
        self,
        request: pb.TriggerMessageRequest,
        context: grpc.aio.ServicerContext[pb.TriggerMessageRequest, pb.TriggerMessageResponse],
    ) -> pb.TriggerMessageResponse:
        return await self._commands.call(context, request, pb.TriggerMessageResponse)
