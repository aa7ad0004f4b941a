"""AuthorizationService: the gRPC face of functional block C."""

import grpc

from citrine.api.v1 import authorization_pb2 as pb
from citrine.api.v1 import authorization_pb2_grpc
from citrine_core.services import Services

__all__ = ["AuthorizationServicer"]


class AuthorizationServicer(authorization_pb2_grpc.AuthorizationServiceServicer):
    """What stations keep of authorizations."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ClearCache(
        self,
        request: pb.ClearCacheRequest,
        context: grpc.aio.ServicerContext[pb.ClearCacheRequest, pb.ClearCacheResponse],
    ) -> pb.ClearCacheResponse:
        return await self._services.commands.call(context, request, pb.ClearCacheResponse)
