"""The rpcs of SmartChargingService that return one of what its lists show."""

import grpc

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1 import smart_charging_pb2_grpc
from citrine_core.blocks.smart_charging.models import Capacity, ExternalLimit, Negotiation
from citrine_core.blocks.smart_charging.protos import (
    capacity_to_proto,
    limit_to_proto,
    negotiation_to_proto,
    record_to_proto,
)
from citrine_core.blocks.smart_charging.repository import ProfileRepository
from citrine_core.db.numbered import get_numbered
from citrine_core.errors import NotFound
from citrine_core.rpc import caller, required
from citrine_core.services import Services

__all__ = ["RecordRpcs"]


class RecordRpcs(smart_charging_pb2_grpc.SmartChargingServiceServicer):
    """Records of smart charging as the API shows them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work

    async def GetChargingProfileRecord(
        self,
        request: pb.GetChargingProfileRecordRequest,
        context: grpc.aio.ServicerContext[pb.GetChargingProfileRecordRequest, pb.ChargingProfileRecord],
    ) -> pb.ChargingProfileRecord:
        async with self._unit_of_work(read_only=True) as work:
            found = await ProfileRepository(work.session).get_with_state(
                caller(context).tenant_id, request.record_id, self._services.clock()
            )
        return record_to_proto(*found)

    async def GetChargingNegotiation(
        self,
        request: pb.GetChargingNegotiationRequest,
        context: grpc.aio.ServicerContext[pb.GetChargingNegotiationRequest, pb.ChargingNegotiation],
    ) -> pb.ChargingNegotiation:
        tenant_id, number = caller(context).tenant_id, str(request.negotiation_id)
        async with self._unit_of_work(read_only=True) as work:
            row = await get_numbered(work.session, Negotiation, "charging negotiation", tenant_id, number)
        return negotiation_to_proto(row)

    async def GetChargingLimit(
        self,
        request: pb.GetChargingLimitRequest,
        context: grpc.aio.ServicerContext[pb.GetChargingLimitRequest, pb.ChargingLimit],
    ) -> pb.ChargingLimit:
        tenant_id, number = caller(context).tenant_id, str(request.limit_id)
        async with self._unit_of_work(read_only=True) as work:
            row = await get_numbered(work.session, ExternalLimit, "charging limit", tenant_id, number)
        return limit_to_proto(row)

    async def GetChargingCapacity(
        self,
        request: pb.GetChargingCapacityRequest,
        context: grpc.aio.ServicerContext[pb.GetChargingCapacityRequest, pb.ChargingCapacity],
    ) -> pb.ChargingCapacity:
        station_id = required("station_id", request.station_id)
        key = (caller(context).tenant_id, station_id, request.evse_id)
        async with self._unit_of_work(read_only=True) as work:
            row = await work.session.get(Capacity, key)
        if row is None:
            raise NotFound("charging capacity", f"of EVSE {request.evse_id} of {station_id}")
        return capacity_to_proto(row)
