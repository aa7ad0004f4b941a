"""AvailabilityService: the gRPC face of functional block G."""

from collections import defaultdict
from collections.abc import Sequence

import grpc

from citrine.api.v1 import availability_pb2 as pb
from citrine.api.v1 import availability_pb2_grpc
from citrine_core.blocks.availability.models import ConnectorState, ConnectorStatusChange, WantedAvailability
from citrine_core.blocks.availability.repository import AvailabilityRepository, ConnectorRepository
from citrine_core.blocks.availability.wanted_availability import availability_to_proto
from citrine_core.db import UnitOfWork
from citrine_core.errors import InvalidArgument
from citrine_core.resources.stations.queries import find_boot_times
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["AvailabilityServicer"]


class AvailabilityServicer(availability_pb2_grpc.AvailabilityServiceServicer):
    """Serves the statuses of connectors and the wanted availabilities, and ChangeAvailability."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ListConnectors(
        self,
        request: pb.ListConnectorsRequest,
        context: grpc.aio.ServicerContext[pb.ListConnectorsRequest, pb.ListConnectorsResponse],
    ) -> pb.ListConnectorsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await ConnectorRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                evse_id=request.evse_id if request.HasField("evse_id") else None,
                status=request.status,
                stations=checked_selector(request.stations),
            )
        return pb.ListConnectorsResponse(connectors=[to_proto(row) for row in rows], next_page_token=token)

    async def GetConnector(
        self,
        request: pb.GetConnectorRequest,
        context: grpc.aio.ServicerContext[pb.GetConnectorRequest, pb.ConnectorStatus],
    ) -> pb.ConnectorStatus:
        station_id = required("station_id", request.station_id)
        async with self._services.unit_of_work(read_only=True) as work:
            found = ConnectorRepository(work.session).get(
                caller(context).tenant_id, station_id, request.evse_id, request.connector_id
            )
            return to_proto(await found)

    async def ListConnectorStatuses(
        self,
        request: pb.ListConnectorStatusesRequest,
        context: grpc.aio.ServicerContext[pb.ListConnectorStatusesRequest, pb.ListConnectorStatusesResponse],
    ) -> pb.ListConnectorStatusesResponse:
        if not request.station_id:
            raise InvalidArgument("station_id", "must not be empty")
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await ConnectorRepository(work.session).list_changes(
                caller(context).tenant_id,
                open_page(request),
                request.station_id,
                evse_id=request.evse_id if request.HasField("evse_id") else None,
                connector_id=request.connector_id if request.HasField("connector_id") else None,
                status=request.status,
                times=span_of(request.time),
            )
        return pb.ListConnectorStatusesResponse(statuses=[to_proto(row) for row in rows], next_page_token=token)

    async def ListAvailabilities(
        self,
        request: pb.ListAvailabilitiesRequest,
        context: grpc.aio.ServicerContext[pb.ListAvailabilitiesRequest, pb.ListAvailabilitiesResponse],
    ) -> pb.ListAvailabilitiesResponse:
        tenant_id = caller(context).tenant_id
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await AvailabilityRepository(work.session).list(
                tenant_id,
                open_page(request),
                station_id=request.station_id,
                evse_id=request.evse_id if request.HasField("evse_id") else None,
                stations=checked_selector(request.stations),
            )
            return pb.ListAvailabilitiesResponse(
                availabilities=await _availabilities(work, tenant_id, rows), next_page_token=token
            )

    async def GetAvailability(
        self,
        request: pb.GetAvailabilityRequest,
        context: grpc.aio.ServicerContext[pb.GetAvailabilityRequest, pb.Availability],
    ) -> pb.Availability:
        tenant_id, station_id = caller(context).tenant_id, required("station_id", request.station_id)
        async with self._services.unit_of_work(read_only=True) as work:
            found = await AvailabilityRepository(work.session).get(
                tenant_id, station_id, request.evse_id, request.connector_id
            )
            [shown] = await _availabilities(work, tenant_id, [found])
        return shown

    async def ChangeAvailability(
        self,
        request: pb.ChangeAvailabilityRequest,
        context: grpc.aio.ServicerContext[pb.ChangeAvailabilityRequest, pb.ChangeAvailabilityResponse],
    ) -> pb.ChangeAvailabilityResponse:
        return await self._services.commands.call(context, request, pb.ChangeAvailabilityResponse)


async def _availabilities(
    work: UnitOfWork, tenant_id: str, shown: Sequence[WantedAvailability]
) -> list[pb.Availability]:
    repository = AvailabilityRepository(work.session)
    station_ids = {availability.station_id for availability in shown}
    if not station_ids:
        return []
    availabilities: dict[str, list[WantedAvailability]] = defaultdict(list)
    for availability in await repository.of_stations(tenant_id, station_ids):
        availabilities[availability.station_id].append(availability)
    connectors: dict[str, list[ConnectorState]] = defaultdict(list)
    for connector in await repository.connectors_of(tenant_id, station_ids):
        connectors[connector.station_id].append(connector)
    boots = await find_boot_times(work.session, tenant_id, station_ids)
    return [
        availability_to_proto(
            availability, availabilities[availability.station_id], connectors[availability.station_id], boots
        )
        for availability in shown
    ]


def to_proto(row: ConnectorState | ConnectorStatusChange) -> pb.ConnectorStatus:
    """Return a connector's status as the API shows it."""
    status = pb.ConnectorStatus(
        station_id=row.station_id,
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        status=row.status,  # type: ignore[arg-type]  # stored as the number
    )
    status.time.FromDatetime(row.status_time)
    if isinstance(row, ConnectorState) and row.detail is not None:
        status.detail.ParseFromString(row.detail)
    return status
