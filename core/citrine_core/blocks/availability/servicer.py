"""AvailabilityService: the gRPC face of functional block G."""

import grpc

from citrine.api.v1 import availability_pb2 as pb
from citrine.api.v1 import availability_pb2_grpc
from citrine_core.blocks.availability.models import ConnectorState, ConnectorStatusChange
from citrine_core.blocks.availability.repository import ConnectorRepository
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import caller, open_page
from citrine_core.services import Services

__all__ = ["AvailabilityServicer"]


class AvailabilityServicer(availability_pb2_grpc.AvailabilityServiceServicer):
    """What is in service, and what should be."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ListConnectors(
        self,
        request: pb.ListConnectorsRequest,
        context: grpc.aio.ServicerContext[pb.ListConnectorsRequest, pb.ListConnectorsResponse],
    ) -> pb.ListConnectorsResponse:
        page = open_page(request)
        async with self._services.unit_of_work(read_only=True) as work:
            rows = await ConnectorRepository(work.session).list(
                caller(context).tenant_id, station_id=request.station_id, after=page.after, limit=page.size + 1
            )
        shown, token = page.close(rows, lambda row: (row.station_id, row.evse_id, row.connector_id))
        return pb.ListConnectorsResponse(connectors=[to_proto(row) for row in shown], next_page_token=token)

    async def ListConnectorStatuses(
        self,
        request: pb.ListConnectorStatusesRequest,
        context: grpc.aio.ServicerContext[pb.ListConnectorStatusesRequest, pb.ListConnectorStatusesResponse],
    ) -> pb.ListConnectorStatusesResponse:
        if not request.station_id:
            raise InvalidArgument("station_id", "must not be empty")
        page = open_page(request)
        async with self._services.unit_of_work(read_only=True) as work:
            rows = await ConnectorRepository(work.session).list_changes(
                caller(context).tenant_id,
                request.station_id,
                after=page.after[0] if page.after else None,
                limit=page.size + 1,
            )
        shown, token = page.close(rows, lambda row: (row.id,))
        return pb.ListConnectorStatusesResponse(statuses=[to_proto(row) for row in shown], next_page_token=token)

    async def ChangeAvailability(
        self,
        request: pb.ChangeAvailabilityRequest,
        context: grpc.aio.ServicerContext[pb.ChangeAvailabilityRequest, pb.ChangeAvailabilityResponse],
    ) -> pb.ChangeAvailabilityResponse:
        return await self._services.commands.call(context, request, pb.ChangeAvailabilityResponse)


def to_proto(row: ConnectorState | ConnectorStatusChange) -> pb.ConnectorStatus:
    """Return what the API shows of a connector's status."""
    status = pb.ConnectorStatus(
        station_id=row.station_id,
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        status=row.status,  # type: ignore[arg-type]  # stored as the number
    )
    status.time.FromDatetime(row.status_time)
    return status
