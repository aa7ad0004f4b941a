"""DataTransferService: the gRPC face of functional block P."""

import grpc
import orjson

from citrine.api.v1 import data_transfer_pb2 as pb
from citrine.api.v1 import data_transfer_pb2_grpc
from citrine.ocpp.v2 import data_transfer_pb2 as ocpp
from citrine_core.blocks.data_transfer.models import CustomMessage, DataTransfer
from citrine_core.blocks.data_transfer.repository import CustomMessageRepository, DataTransferRepository
from citrine_core.resources.commands.protos import json_to_struct
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["DataTransferServicer"]


class DataTransferServicer(data_transfer_pb2_grpc.DataTransferServiceServicer):
    """Serves DataTransfers and messages with customData of stations, and sends DataTransfer."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def GetDataTransfer(
        self,
        request: pb.GetDataTransferRequest,
        context: grpc.aio.ServicerContext[pb.GetDataTransferRequest, pb.StoredDataTransfer],
    ) -> pb.StoredDataTransfer:
        required("data_transfer_id", request.data_transfer_id)
        async with self._services.unit_of_work(read_only=True) as work:
            return to_proto(
                await DataTransferRepository(work.session).get(caller(context).tenant_id, request.data_transfer_id)
            )

    async def ListDataTransfers(
        self,
        request: pb.ListDataTransfersRequest,
        context: grpc.aio.ServicerContext[pb.ListDataTransfersRequest, pb.ListDataTransfersResponse],
    ) -> pb.ListDataTransfersResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await DataTransferRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                vendor_id=request.vendor_id,
                message_id=request.message_id,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListDataTransfersResponse(data_transfers=[to_proto(row) for row in rows], next_page_token=token)

    async def GetCustomMessage(
        self,
        request: pb.GetCustomMessageRequest,
        context: grpc.aio.ServicerContext[pb.GetCustomMessageRequest, pb.CustomMessage],
    ) -> pb.CustomMessage:
        required("custom_message_id", request.custom_message_id)
        async with self._services.unit_of_work(read_only=True) as work:
            return custom_to_proto(
                await CustomMessageRepository(work.session).get(caller(context).tenant_id, request.custom_message_id)
            )

    async def ListCustomMessages(
        self,
        request: pb.ListCustomMessagesRequest,
        context: grpc.aio.ServicerContext[pb.ListCustomMessagesRequest, pb.ListCustomMessagesResponse],
    ) -> pb.ListCustomMessagesResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await CustomMessageRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                action=request.action,
                received=span_of(request.receive_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListCustomMessagesResponse(
            custom_messages=[custom_to_proto(row) for row in rows], next_page_token=token
        )

    async def DataTransfer(
        self,
        request: pb.DataTransferRequest,
        context: grpc.aio.ServicerContext[pb.DataTransferRequest, pb.DataTransferResponse],
    ) -> pb.DataTransferResponse:
        return await self._services.commands.call(context, request, pb.DataTransferResponse)


def to_proto(row: DataTransfer) -> pb.StoredDataTransfer:
    """Return a DataTransfer as the API shows it."""
    shown = pb.StoredDataTransfer(
        data_transfer_id=str(row.id),
        station_id=row.station_id,
        request=ocpp.DataTransferRequest.FromString(row.request),
        response=ocpp.DataTransferResponse.FromString(row.response),
    )
    shown.create_time.FromDatetime(row.create_time)
    return shown


def custom_to_proto(row: CustomMessage) -> pb.CustomMessage:
    """Return a message with customData as the API shows it."""
    shown = pb.CustomMessage(
        custom_message_id=str(row.id),
        station_id=row.station_id,
        action=row.action,
        payload=json_to_struct(orjson.loads(row.payload)),
    )
    shown.receive_time.FromDatetime(row.receive_time)
    shown.create_time.FromDatetime(row.create_time)
    return shown
