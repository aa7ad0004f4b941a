"""FirmwareManagementService: the gRPC face of functional block L."""

import grpc

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1 import firmware_management_pb2_grpc
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_core.blocks.firmware_management.checks import (
    LONGEST_VERSION,
    check_checksum,
    check_publication,
    check_retries,
)
from citrine_core.blocks.firmware_management.models import FirmwarePublication, FirmwareUpdate
from citrine_core.blocks.firmware_management.protos import (
    publication_status_to_proto,
    publication_to_proto,
    status_to_proto,
    update_to_proto,
)
from citrine_core.blocks.firmware_management.repository import OF_PUBLICATION, OF_UPDATE, FirmwareRepository
from citrine_core.blocks.firmware_management.requests import FirmwareRequests
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, check_length, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["FirmwareManagementServicer"]


class FirmwareManagementServicer(firmware_management_pb2_grpc.FirmwareManagementServiceServicer):
    """Serves firmware updates of single stations and publications of local controllers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._requests = FirmwareRequests(services)

    async def UpdateFirmware(
        self,
        request: pb.UpdateFirmwareRequest,
        context: grpc.aio.ServicerContext[pb.UpdateFirmwareRequest, pb.UpdateFirmwareResponse],
    ) -> pb.UpdateFirmwareResponse:
        check_retries("request", request.request)
        check_length("firmware_version", request.firmware_version, LONGEST_VERSION)
        command, answer = await self._requests.ask_to_update(context, request)
        assert answer is None or isinstance(answer, ocpp.UpdateFirmwareResponse)
        return pb.UpdateFirmwareResponse(command=command, response=answer, request_id=request.request.request_id)

    async def GetFirmwareUpdate(
        self,
        request: pb.GetFirmwareUpdateRequest,
        context: grpc.aio.ServicerContext[pb.GetFirmwareUpdateRequest, pb.FirmwareUpdate],
    ) -> pb.FirmwareUpdate:
        station_id = required("station_id", request.station_id)
        request_id = request.request_id if request.HasField("request_id") else None
        async with self._services.unit_of_work(read_only=True) as work:
            repository = FirmwareRepository(work.session)
            return update_to_proto(
                await repository.get(FirmwareUpdate, caller(context).tenant_id, station_id, request_id)
            )

    async def ListFirmwareUpdates(
        self,
        request: pb.ListFirmwareUpdatesRequest,
        context: grpc.aio.ServicerContext[pb.ListFirmwareUpdatesRequest, pb.ListFirmwareUpdatesResponse],
    ) -> pb.ListFirmwareUpdatesResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await FirmwareRepository(work.session).list_updates(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                state=request.state,
                campaign_id=request.campaign_id,
                active_only=request.active_only,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListFirmwareUpdatesResponse(updates=map(update_to_proto, rows), next_page_token=token)

    async def ListFirmwareStatuses(
        self,
        request: pb.ListFirmwareStatusesRequest,
        context: grpc.aio.ServicerContext[pb.ListFirmwareStatusesRequest, pb.ListFirmwareStatusesResponse],
    ) -> pb.ListFirmwareStatusesResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await FirmwareRepository(work.session).list_statuses(
                caller(context).tenant_id,
                open_page(request),
                required("station_id", request.station_id),
                kind=OF_UPDATE,
                request_id=request.request_id if request.HasField("request_id") else None,
            )
        return pb.ListFirmwareStatusesResponse(statuses=map(status_to_proto, rows), next_page_token=token)

    async def PublishFirmware(
        self,
        request: pb.PublishFirmwareRequest,
        context: grpc.aio.ServicerContext[pb.PublishFirmwareRequest, pb.PublishFirmwareResponse],
    ) -> pb.PublishFirmwareResponse:
        check_publication("request", request.request)
        check_retries("request", request.request)
        command, answer = await self._requests.ask_to_publish(context, request)
        assert answer is None or isinstance(answer, ocpp.PublishFirmwareResponse)
        return pb.PublishFirmwareResponse(command=command, response=answer, request_id=request.request.request_id)

    async def UnpublishFirmware(
        self,
        request: pb.UnpublishFirmwareRequest,
        context: grpc.aio.ServicerContext[pb.UnpublishFirmwareRequest, pb.UnpublishFirmwareResponse],
    ) -> pb.UnpublishFirmwareResponse:
        check_checksum("request.checksum", request.request.checksum)
        return await self._services.commands.call(context, request, pb.UnpublishFirmwareResponse)

    async def GetFirmwarePublication(
        self,
        request: pb.GetFirmwarePublicationRequest,
        context: grpc.aio.ServicerContext[pb.GetFirmwarePublicationRequest, pb.FirmwarePublication],
    ) -> pb.FirmwarePublication:
        station_id = required("station_id", request.station_id)
        request_id = request.request_id if request.HasField("request_id") else None
        async with self._services.unit_of_work(read_only=True) as work:
            repository = FirmwareRepository(work.session)
            return publication_to_proto(
                await repository.get(FirmwarePublication, caller(context).tenant_id, station_id, request_id)
            )

    async def ListFirmwarePublications(
        self,
        request: pb.ListFirmwarePublicationsRequest,
        context: grpc.aio.ServicerContext[pb.ListFirmwarePublicationsRequest, pb.ListFirmwarePublicationsResponse],
    ) -> pb.ListFirmwarePublicationsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await FirmwareRepository(work.session).list_publications(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                state=request.state,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListFirmwarePublicationsResponse(publications=map(publication_to_proto, rows), next_page_token=token)

    async def ListFirmwarePublicationStatuses(
        self,
        request: pb.ListFirmwarePublicationStatusesRequest,
        context: grpc.aio.ServicerContext[
            pb.ListFirmwarePublicationStatusesRequest, pb.ListFirmwarePublicationStatusesResponse
        ],
    ) -> pb.ListFirmwarePublicationStatusesResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await FirmwareRepository(work.session).list_statuses(
                caller(context).tenant_id,
                open_page(request),
                required("station_id", request.station_id),
                kind=OF_PUBLICATION,
                request_id=request.request_id if request.HasField("request_id") else None,
            )
        return pb.ListFirmwarePublicationStatusesResponse(
            statuses=map(publication_status_to_proto, rows), next_page_token=token
        )
