"""TariffAndCostService: the gRPC face of functional block I."""

import grpc

from citrine.api.v1 import tariff_and_cost_pb2 as pb
from citrine.api.v1 import tariff_and_cost_pb2_grpc
from citrine_core.services import Services

__all__ = ["TariffAndCostServicer"]


class TariffAndCostServicer(tariff_and_cost_pb2_grpc.TariffAndCostServiceServicer):
    """What charging costs."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def CostUpdated(
        self,
        request: pb.CostUpdatedRequest,
        context: grpc.aio.ServicerContext[pb.CostUpdatedRequest, pb.CostUpdatedResponse],
    ) -> pb.CostUpdatedResponse:
        return await self._services.commands.call(context, request, pb.CostUpdatedResponse)
