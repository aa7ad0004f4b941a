"""Handlers of DataTransfer."""

from citrine.events.v1.events_pb2 import DataTransferReceived, Event
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest, DataTransferResponse, DataTransferStatusEnum
from citrine_core.blocks.data_transfer.repository import DataTransferRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, handles
from citrine_core.services import Services

__all__ = ["DataTransferHandlers"]


class DataTransferHandlers:
    """Passes DataTransfer to the handlers of vendors (functional block P)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._registry = services.registry

    # A message that a station resends can't be distinguished from a second message with the same content. The
    # vendor's handler receives both, and must deduplicate them by their data.
    @handles(DataTransferRequest)
    async def data_transfer(self, work: UnitOfWork, call: Call[DataTransferRequest]) -> DataTransferResponse:
        """Answer with the response of the vendor's handler, or UnknownVendorId if there is none (P02).

        A call that the handler refuses is answered CALLERROR and not stored.
        """
        request = call.message
        message_id = request.message_id if request.HasField("message_id") else None
        route = self._registry.routes.vendor(request.vendor_id, message_id)
        if route is None:
            # P02.FR.06
            status = DataTransferStatusEnum.DATA_TRANSFER_STATUS_ENUM_UNKNOWN_VENDOR_ID
            response = DataTransferResponse(status=status)
        else:
            response = await route.method(work, call)
        await DataTransferRepository(work.session).add(
            {
                "tenant_id": call.tenant_id,
                "station_id": call.station_id,
                "vendor_id": request.vendor_id,
                "message_id": request.message_id if request.HasField("message_id") else None,
                "request": request.SerializeToString(),
                "response": response.SerializeToString(),
                "create_time": self._clock(),
            }
        )
        received = DataTransferReceived(request=request, status=response.status)
        work.emit(Event(tenant_id=call.tenant_id, station_id=call.station_id, data_transfer_received=received))
        return response
