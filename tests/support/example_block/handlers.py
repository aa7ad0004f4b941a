"""What stations of the vendor send."""

from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest, DataTransferResponse, DataTransferStatusEnum
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, CallRefused, handles_vendor
from citrine_core.services import Services
from tests.support.example_block.models import ExampleReading

__all__ = ["VENDOR", "ExampleHandlers"]

VENDOR = "com.example.thermometers"


class ExampleHandlers:
    """Answers the vendor's two messages: "reading", which is stored, and "poison", which breaks."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    @handles_vendor(VENDOR, "reading")
    async def reading(self, work: UnitOfWork, call: Call[DataTransferRequest]) -> DataTransferResponse:
        """Store a reading; one that is no number is rejected."""
        if call.message.data.WhichOneof("kind") != "number_value":
            return DataTransferResponse(status=DataTransferStatusEnum.DATA_TRANSFER_STATUS_ENUM_REJECTED)
        work.session.add(
            ExampleReading(
                tenant_id=call.tenant_id,
                station_id=call.station_id,
                celsius=call.message.data.number_value,
                create_time=self._clock(),
            )
        )
        return DataTransferResponse(status=DataTransferStatusEnum.DATA_TRANSFER_STATUS_ENUM_ACCEPTED)

    @handles_vendor(VENDOR, "refuse")
    async def refuse(self, work: UnitOfWork, call: Call[DataTransferRequest]) -> DataTransferResponse:
        """Answer CALLERROR."""
        raise CallRefused("FormatViolation", "the thermometer is broken")

    @handles_vendor(VENDOR, "poison")
    async def poison(self, work: UnitOfWork, call: Call[DataTransferRequest]) -> DataTransferResponse:
        """Fail as a plug-in with a mistake does."""
        raise RuntimeError("a mistake of the plug-in")
