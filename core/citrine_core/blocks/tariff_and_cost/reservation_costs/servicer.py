"""ReservationCostsService: what reservations cost that no transaction used."""

import grpc

from citrine.api.v1 import reservation_costs_pb2 as pb
from citrine.api.v1 import reservation_costs_pb2_grpc, tariffs_pb2
from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.tariff_and_cost.models import ReservationCost
from citrine_core.blocks.tariff_and_cost.reservation_costs.repository import ReservationCostRepository
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, open_page, required, span_of, to_timestamp
from citrine_core.services import Services

__all__ = ["ReservationCostsServicer"]


class ReservationCostsServicer(reservation_costs_pb2_grpc.ReservationCostsServiceServicer):
    """What reservations cost that no transaction used."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work

    async def GetReservationCost(
        self,
        request: pb.GetReservationCostRequest,
        context: grpc.aio.ServicerContext[pb.GetReservationCostRequest, pb.ReservationCost],
    ) -> pb.ReservationCost:
        station_id = required("station_id", request.station_id)
        async with self._unit_of_work(read_only=True) as work:
            row = await ReservationCostRepository(work.session).get(
                caller(context).tenant_id, station_id, request.reservation_id
            )
        return _to_proto(row)

    async def ListReservationCosts(
        self,
        request: pb.ListReservationCostsRequest,
        context: grpc.aio.ServicerContext[pb.ListReservationCostsRequest, pb.ListReservationCostsResponse],
    ) -> pb.ListReservationCostsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await ReservationCostRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                id_token=request.id_token,
                began=span_of(request.start_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListReservationCostsResponse(costs=[_to_proto(row) for row in rows], next_page_token=token)


def _to_proto(row: ReservationCost) -> pb.ReservationCost:
    return pb.ReservationCost(
        station_id=row.station_id,
        reservation_id=row.reservation_id,
        start_time=to_timestamp(row.start_time),
        end_time=to_timestamp(row.end_time),
        state=ReservationState.ValueType(row.state),
        evse_id=row.evse_id,
        id_token=IdToken(id_token=row.id_token, type=row.id_token_type),
        cost=tariffs_pb2.Cost.FromString(row.breakdown),
        tariff_id=row.tariff_id,
        tariff_version=row.tariff_version,
        withdrawn=row.is_withdrawn,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
    )
